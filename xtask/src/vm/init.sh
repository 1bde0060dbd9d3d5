#!/bin/sh
# The first process of the emulated machine. Lines that start with `@@` are read by `cargo xtask vm-test`.
/bin/busybox --install -s /bin
export PATH=/bin COFFERDAM_SLOW=4

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t securityfs securityfs /sys/kernel/security
mount -t tmpfs run /run
ip link set lo up
for module in /modules/*; do
	insmod "$module" || echo "@@ wrong $module does not load"
done

echo # ends the line that the firmware began
echo "@@ kernel $(uname -r), LSM $(cat /sys/kernel/security/lsm)"
grep -q ' bpf_rdonly_cast$' /proc/kallsyms || echo "@@ no bpf_rdonly_cast"
for test in /tests/*; do
	timeout 1200 "$test" --test-threads=1
	echo "@@ ended ${test##*/} $?"
done
poweroff -f
