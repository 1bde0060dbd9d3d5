#!/bin/sh
# The first process: this machine's own files, read-only from outside, under a layer of memory; then the command of `/command`.
/bin/busybox --install -s /bin
export PATH=/bin

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in /modules/*; do
	insmod "$module" || echo "@@ wrong $module does not load"
done
mkdir /lower /layer /root
mount -t 9p -o trans=virtio,version=9p2000.L,msize=1048576,cache=loose,ro machine /lower
mount -t tmpfs layer /layer
mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/lower,upperdir=/layer/upper,workdir=/layer/work machine /root

for folder in proc sys dev; do
	mount --move /$folder /root/$folder
done
mkdir -p /root/dev/shm /root/dev/pts "/root/lib/modules"
mount -t tmpfs shm /root/dev/shm
mount -t devpts pts /root/dev/pts
mount -t tmpfs tmp /root/tmp
mount -t tmpfs run /root/run
mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
mount -t bpf bpf /root/sys/fs/bpf
mount -t securityfs securityfs /root/sys/kernel/security
# Docker and iptables ask for more modules by name.
ln -sfn "$(cat /modules-folder)" "/root/lib/modules/$(uname -r)"
ip link set lo up
cp /command /root/run/command
exec switch_root /root /bin/sh /run/command
