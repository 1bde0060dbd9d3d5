#!/bin/sh
# The product itself on this kernel, without Docker: the daemon comes up, and processes are judged by their labels.
# It ends like a test program, with a line of totals and a status.
passed=0 failed=0
export NO_COLOR=1

# expect WORDS STATUS COMMAND...: the status, and WORDS somewhere in what it printed
expect() {
	words=$1 status=$2
	shift 2
	said=$("$@" 2>&1 </dev/null)
	if [ $? = "$status" ] && echo "$said" | grep -q "$words"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'wrong: %s\n%s\n' "$*" "$said"
	fi
}

# wait_for COMMAND...: half a minute at most
wait_for() {
	for _ in $(seq 60); do
		"$@" 2>/dev/null && return
		sleep 0.5
	done
}

echo 'root:x:0:0:root:/:/bin/sh' >/etc/passwd
echo 'root:x:0:' >/etc/group
cofferdam daemon >/run/daemon.log 2>&1 &
daemon=$!
wait_for sh -c 'cofferdam status | grep -q "enforcement *on"'
cofferdam run --name server --label app=web -- nc -ll -p 8080 -e echo hello &
wait_for sh -c 'cofferdam ps | grep -q 8080'

expect hello 0 cofferdam run --label app=web -- nc -w 3 127.0.0.1 8080
expect 'Operation not permitted' 1 cofferdam run --label app=other -- nc -w 3 127.0.0.1 8080
expect 'Operation not permitted' 1 nc -w 3 127.0.0.1 8080
expect 'default/same-labels' 0 cofferdam flows
expect 'default/other-workloads' 0 cofferdam flows
kill -KILL "$daemon"
expect 'Operation not permitted' 1 nc -w 3 127.0.0.1 8080

[ $failed = 0 ] || cat /run/daemon.log
echo "test result: $passed passed; $failed failed"
exit $failed
