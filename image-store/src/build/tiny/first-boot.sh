#!/bin/sh
# What cloud-init does for a larger guest: name, keys, and once per instance host key and user data. Metadata by IMDSv2 only.
server=169.254.169.254
state=/var/lib/cloud
say() { echo "freehold-tiny: $* ($(cut -d' ' -f1 /proc/uptime) s)" >/dev/console; }

# busybox's wget has no PUT.
request_token() {
  printf 'PUT /latest/api/token HTTP/1.0\r\nHost: %s\r\nX-aws-ec2-metadata-token-ttl-seconds: 21600\r\nContent-Length: 0\r\n\r\n' $server |
    timeout 5 nc $server 80 | tr -d '\r' | sed '1,/^$/d'
}
# With -T, which should bound it, Debian's busybox crashes.
get() { timeout 20 wget -q -O - --header "X-aws-ec2-metadata-token: $token" "http://$server/latest/$1" 2>/dev/null; }

tries=0
token=
while [ -z "$token" ] && [ $tries -lt 20 ]; do
  [ $tries -gt 0 ] && sleep 1
  token=$(request_token)
  tries=$((tries + 1))
done
[ -n "$token" ] || say no metadata service answers

id=$(get meta-data/instance-id)
new=
[ -n "$id" ] && [ "$(cat $state/instance-id 2>/dev/null)" != "$id" ] && new=1

name=$(get meta-data/local-hostname)
if [ -n "$name" ]; then
  hostname "${name%%.*}"
  printf '127.0.0.1 localhost\n127.0.1.1 %s %s\n' "$name" "${name%%.*}" >/etc/hosts
fi

key=$(get meta-data/public-keys/0/openssh-key)
for home in /root /home/ec2-user; do
  mkdir -p $home/.ssh
  if [ -n "$key" ]; then echo "$key" >$home/.ssh/authorized_keys; fi
  chmod 700 $home $home/.ssh
done

host_key=/etc/dropbear/ed25519
if [ -n "$new" ] || [ ! -s $host_key ]; then
  mkdir -p /etc/dropbear
  rm -f $host_key
  dropbearkey -t ed25519 -f $host_key >/dev/null 2>&1
fi
# So that GetConsoleOutput tells whom to trust, as EC2's own images do.
{
  echo '-----BEGIN SSH HOST KEY KEYS-----'
  dropbearkey -y -f $host_key | grep '^ssh-'
  echo '-----END SSH HOST KEY KEYS-----'
} >/dev/console
dropbear -r $host_key -s
say ssh is up

if [ -n "$new" ]; then
  get user-data >$state/user-data
  chmod 700 $state/user-data
  # Written first: a script that reboots must not be run again.
  echo "$id" >$state/instance-id
  sync
  if [ "$(head -c 2 $state/user-data)" = '#!' ]; then
    (cd / && $state/user-data) >/dev/console 2>&1
    say "user data ended with $?"
  fi
fi
