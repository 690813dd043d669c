#!/bin/sh
# Run by mmdebstrap before any package is there: what their installation scripts must find. $1 is the image's root.
set -e
mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/etc/initramfs-tools/hooks" "$1/var/cache/apt/archives"
# A small initramfs, which loads and unpacks fast: the disks of QEMU (virtio, SCSI, NVMe) and of Xen, nothing of any other machine.
echo 'MODULES=list' >"$1/etc/initramfs-tools/conf.d/freehold"
cat >"$1/etc/initramfs-tools/hooks/freehold" <<'HOOK'
#!/bin/sh
[ "$1" = prereqs ] && exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules virtio_pci virtio_blk virtio_scsi sd_mod nvme xen-blkfront ext4
HOOK
chmod 755 "$1/etc/initramfs-tools/hooks/freehold"
