#!/bin/sh
# The least of an instance metadata service: one request on stdin, one answer on stdout.
answer() { printf 'HTTP/1.0 %s\r\nContent-Length: %s\r\n\r\n%s' "$1" "${#2}" "$2"; }

read -r method path _
token=
while read -r line && [ "${#line}" -gt 1 ]; do
  case "$line" in
    *oken:*secret*) token=1 ;;
  esac
done
# User data marks the disk and leaves behind a second start that powers off as the user of the key.
user_data='#!/bin/sh
echo "user data ran as uid $(id -u) on $(hostname)"
cat >>/etc/boot <<"BOOT"
echo second start >/dev/console
su ec2-user -c poweroff
BOOT
( sleep 1; poweroff ) &'
case "$method $path $token" in
  "PUT /latest/api/token "*) answer '200 OK' secret ;;
  *' ') answer '401 Unauthorized' '' ;;
  'GET /latest/meta-data/instance-id 1') answer '200 OK' i-0123456789abcdef0 ;;
  'GET /latest/meta-data/local-hostname 1') answer '200 OK' tiny-guest.ec2.internal ;;
  'GET /latest/meta-data/public-keys/0/openssh-key 1') answer '200 OK' 'ssh-ed25519 AAAA test' ;;
  'GET /latest/user-data 1') answer '200 OK' "$user_data" ;;
  *) answer '404 Not Found' '' ;;
esac
