#!/bin/sh
# What udhcpc learned: $1 is the event, the rest is in the environment.
case "$1" in
  deconfig)
    ip addr flush dev "$interface"
    ip link set "$interface" up
    ;;
  bound | renew)
    [ -n "$mtu" ] && ip link set "$interface" mtu "$mtu"
    ip addr show dev "$interface" | grep -q "inet $ip/$mask " || { ip addr flush dev "$interface"; ip addr add "$ip/$mask" dev "$interface"; }
    [ -n "$router" ] && ip route replace default via "${router%% *}" dev "$interface"
    {
      [ -n "$domain" ] && echo "search $domain"
      for server in $dns; do echo "nameserver $server"; done
    } >/etc/resolv.conf
    ;;
esac
