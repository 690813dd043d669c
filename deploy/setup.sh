# Sourced by deploy/quickstart and deploy/test: puts on the machine what Freehold needs and is not there yet.
# Everything goes through the machine's own package clients (apt, rustup, cargo, pip) as they are configured.

say()  { printf '\033[1m==>\033[0m %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
die()  { printf '\033[1mfailed:\033[0m %s\n' "$*" >&2; exit 1; }

# What the agent and the image builder call, and what is needed to compile.
RUN_PACKAGES=(qemu-system-x86 qemu-utils iproute2 nftables procps openssh-client ca-certificates
              mmdebstrap e2fsprogs grub-common grub-pc-bin xz-utils util-linux)
BUILD_PACKAGES=(gcc libc6-dev make git curl python3 python3-venv)
# What only tests need: the guests' side (clients of DHCP, DNS and TCP), what makes a firewall as Docker does, and a PostgreSQL to start.
TEST_PACKAGES=(busybox isc-dhcp-client bind9-dnsutils iptables postgresql)

require_root_on_debian() {
    [ "$(id -u)" = 0 ] || die "run this as root (sudo $0): it installs packages and sets up guests' network"
    [ -r /etc/debian_version ] || die "this script knows Debian 12 and 13; elsewhere install by hand: ${RUN_PACKAGES[*]} ${BUILD_PACKAGES[*]}"
}

# What is needed to run and to build, and the packages named.
apt_packages() {
    local missing=() package
    for package in "${RUN_PACKAGES[@]}" "${BUILD_PACKAGES[@]}" "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    if [ ${#missing[@]} = 0 ]; then note "all Debian packages are there"; return; fi
    note "installing: ${missing[*]}"
    DEBIAN_FRONTEND=noninteractive apt-get update -qq || die "apt-get update; see above"
    case " ${missing[*]} " in *' postgresql '*) no_database_server ;; esac
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null \
        || die "apt-get install ${missing[*]}; see above"
}

# Debian's package would make a database and start a server for it; tests start their own and nobody else asked for one.
no_database_server() {
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends postgresql-common >/dev/null || die "apt-get install postgresql-common"
    sed -ri 's/^#? *create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
}

# True if version $1 is at least $2.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -1)" = "$2" ]; }

rust_is_new_enough() {
    local have
    have=$(cd "$ROOT" && cargo --version 2>/dev/null | awk '{print $2}') && [ -n "$have" ] && at_least "$have" "$RUST_WANTED"
}

# A Rust that Cargo.toml accepts: the one that is there, else by rustup.
rust() {
    RUST_WANTED=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml" | head -1)
    export PATH="$PATH:$HOME/.cargo/bin"
    if rust_is_new_enough; then note "$(cargo --version) is new enough (needs $RUST_WANTED)"; return; fi
    note "no Rust $RUST_WANTED or newer is here: installing it by rustup"
    if ! command -v rustup >/dev/null; then
        if apt-cache policy rustup 2>/dev/null | grep -q 'Candidate: [0-9]'; then
            note "rustup comes from Debian's package"
            DEBIAN_FRONTEND=noninteractive apt-get install -qq -y rustup >/dev/null || die "apt-get install rustup"
        else
            note "Debian $(cat /etc/debian_version) has no rustup: running Rust's official installer (sh.rustup.rs)"
            curl --proto '=https' --tlsv1.2 -fsS https://sh.rustup.rs | sh -s -- -y --no-modify-path --profile minimal \
                || die "the Rust installer did not finish; install Rust $RUST_WANTED yourself and run this again"
        fi
    fi
    rustup toolchain install "$RUST_WANTED" --profile minimal --component clippy --component rustfmt \
        || die "rustup could not install Rust $RUST_WANTED"
    export RUSTUP_TOOLCHAIN="$RUST_WANTED"
    rust_is_new_enough || die "Rust is still older than $RUST_WANTED: $(cargo --version 2>&1)"
}

# A Python environment $1 with exactly what the remaining arguments ask pip for.
python_environment() {
    local folder=$1; shift
    local wanted; wanted=$(printf '%s\n' "$@" | cat - $(printf '%s\n' "$@" | grep -E '\.txt$' || true) | sha256sum | cut -c1-16)
    if [ "$(cat "$folder/.wanted" 2>/dev/null)" = "$wanted" ]; then note "the Python environment is there"; return; fi
    rm -rf "$folder"
    python3 -m venv "$folder" || die "python3 -m venv $folder"
    "$folder/bin/pip" install -q --disable-pip-version-check "$@" || die "pip install $*"
    echo "$wanted" > "$folder/.wanted"
}
