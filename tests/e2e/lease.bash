# A write lease on a file, as Samba and the kernel's NFS server take them for clients that write to it.
# shellcheck shell=bash disable=SC2154  # variables of helpers.bash

# Holds it until give_lease_back, or the end of the test.
hold_lease() { # FILE
    python3 -c '
import fcntl, os, signal, sys, time
parent = os.getppid()
signal.signal(signal.SIGIO, signal.SIG_IGN)  # somebody wants to open it
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
open(sys.argv[2], "w").close()
while os.getppid() == parent:
    time.sleep(0.1)' "$1" "$lab/leased" 3>&- &
    lease_holder=$!
    wait_for 15 test -e "$lab/leased" || fail "nobody gets a lease on $1"
}

give_lease_back() {
    kill "$lease_holder"
    wait "$lease_holder" 2>/dev/null || true
}
