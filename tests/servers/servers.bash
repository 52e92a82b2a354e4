# Real FTP servers as fixtures: vsftpd as a node server, pure-ftpd with pure-uploadscript as the upload server.
# Sourced by the bats tests, the conformance suite and the benchmarks (tests/servers/with-servers).
# shellcheck shell=bash
#
#   start_vsftpd DIR                       DIR/root is what the node holds, DIR/vsftpd.log its log of FTP commands
#   start_pure_ftpd DIR ROOT HOOK [FLAG…]  serves ROOT; HOOK runs after each upload, with its absolute path
#   start_pure_ftpd_node DIR [FLAG…]       as a node server: serves DIR/root, without a hook, as many as you like
#   stop_server DIR                        as a crash would: kill -9 of all its processes; DIR stays
#   freeze_server DIR                      it accepts connections and never answers, until thaw_server or stop_server
#   thaw_server DIR                        it goes on where freeze_server stopped it
#   kill_sessions DIR                      kill -9 of every client's session; the server stays and takes new ones
#   server_is_idle DIR                     no client is connected
#   server_url DIR                         ftp://USER:PASSWORD@127.0.0.x:PORT/
#   server_address DIR                     127.0.0.x PORT
#   wait_for SECONDS CMD…                  polls CMD until it succeeds; 1 when it never did
#
# A server that is started again in the same DIR has the same address. All of them need root, listen on loopback only and
# end with the process that started them (see guard). Called from within `$(...)` or `run`, they work as well.

servers_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
servers_cache=${NODESPOOL_SERVERS_CACHE:-$servers_dir/../../build/servers}
servers_locks=/run/lock/nodespool-test
servers_user=nodespool-test
servers_home=/var/lib/nodespool-test
servers_upload_pipe=/var/run/pure-ftpd.upload.pipe # compiled into pure-ftpd

servers_fail() {
    echo "tests/servers: $*" >&2
    return 1
}

wait_for() { # SECONDS CMD...
    local deadline=$((${EPOCHREALTIME//[.,]/} + $1 * 1000000))
    shift
    until "$@"; do
        ((${EPOCHREALTIME//[.,]/} < deadline)) || return 1
        sleep 0.02
    done
}

# --- what the machine must have --------------------------------------------------------------------------------------

# The local user that the servers log in; its password is random and known to root only.
servers_need_user() {
    [ "$(id -u)" = 0 ] || servers_fail "FTP servers that change to another user need root" || return
    mkdir -p "$servers_locks"
    (
        flock 9
        umask 077
        if ! id "$servers_user" >/dev/null 2>&1; then
            rm -f "$servers_home/password"
            # A login shell, because vsftpd's PAM service asks for one.
            useradd --system --no-create-home --home-dir "$servers_home" --shell /bin/sh "$servers_user" || exit
        fi
        if [ ! -s "$servers_home/password" ]; then
            mkdir -p "$servers_home" && chmod 755 "$servers_home" # vsftpd enters it before its own root
            openssl rand -hex 12 >"$servers_home/password.new" || exit
            printf '%s:%s\n' "$servers_user" "$(<"$servers_home/password.new")" | chpasswd || exit
            mv "$servers_home/password.new" "$servers_home/password"
        fi
    ) 9>"$servers_locks/user" >&2 || servers_fail "cannot make the local user $servers_user"
}

# pure-ftpd conflicts with vsftpd as a package, so it is unpacked, not installed.
servers_need_pure_ftpd() {
    mkdir -p "$servers_cache" "$servers_locks"
    (
        flock 9
        [ ! -x "$servers_cache/pure-ftpd/usr/sbin/pure-ftpd" ] || exit 0
        cd -- "$servers_cache" || exit
        rm -rf pure-ftpd pure-ftpd.new pure-ftpd*.deb
        apt-get download pure-ftpd pure-ftpd-common || exit
        for package in pure-ftpd*.deb; do
            dpkg -x "$package" pure-ftpd.new || exit
        done
        if ldd pure-ftpd.new/usr/sbin/pure-ftpd | grep -q 'not found'; then
            DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
                libcap2 libcrypt1 libpam0g libsodium23 libssl3 || exit
        fi
        mv pure-ftpd.new pure-ftpd
    ) 9>"$servers_cache/lock" >&2 || servers_fail "cannot unpack pure-ftpd into $servers_cache"
}

# The server changes to its user before it opens anything below DIR.
servers_need_reachable() { # DIR
    setpriv --reuid "$servers_user" --regid "$servers_user" --clear-groups test -x "$1" ||
        servers_fail "$1 cannot be reached by user $servers_user: a parent directory is closed to others"
}

# --- addresses and processes -----------------------------------------------------------------------------------------

port_answers() { # ADDRESS PORT
    (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null
}

# Finds a free address for the server of DIR, or takes the one that it had. The lock on it is left open as
# $address_lock: who inherits it owns the address.
servers_reserve_address() { # DIR
    local try address port
    for try in {1..50}; do
        if [ -s "$1/address" ]; then
            read -r address port <"$1/address"
        else
            address=127.0.0.$((RANDOM % 253 + 2)) port=$((RANDOM % 10000 + 20000))
        fi
        exec {address_lock}>"$servers_locks/$address:$port"
        if flock -w "$([ -s "$1/address" ] && echo 5 || echo 0)" "$address_lock" && ! port_answers "$address" "$port"; then
            echo "$address $port" >"$1/address"
            return
        fi
        exec {address_lock}>&-
        [ ! -s "$1/address" ] || break
    done
    servers_fail "no free address for $1 (tried $try)"
}

# Stops a process and all that descend from it, and prints their ids. Servers put each session into a process group of its
# own, so groups are no help; a stopped process makes no more children, so none is missed.
freeze_tree() { # PROCESS
    local child
    kill -STOP "$1" 2>/dev/null || return 0
    echo "$1"
    for child in $(pgrep -P "$1"); do
        freeze_tree "$child"
    done
}

processes_are_gone() { # PROCESS...
    ! ps -o stat= -p "$*" | grep -qv '^Z'
}

kill_tree() { # PROCESS
    local tree
    mapfile -t tree < <(freeze_tree "$1")
    [ ${#tree[@]} -gt 0 ] || return 0
    kill -KILL "${tree[@]}" 2>/dev/null
    wait_for 10 processes_are_gone "${tree[@]}"
}

# Runs CMD under a guard as the server NAME of DIR.
servers_spawn() { # DIR NAME CMD...
    local dir=$1 name=$2
    shift 2
    # Descriptors 3 and 4 are the test runner's; it would wait for whoever has them open.
    setsid "$servers_dir/guard" $$ "$@" >"$dir/$name.out" 2>&1 </dev/null 3>&- 4>&- &
    echo $! >"$dir/$name.guard"
    disown
}

# The server itself: the child of its guard that is not the guard's own `tail`.
servers_process() { # DIR NAME
    ps -o pid=,comm= --ppid "$(<"$1/$2.guard")" | awk '$2 != "tail" { print $1 }'
}

servers_is_settled() { # DIR NAME: it answers, or it is gone
    local address port
    read -r address port <"$1/address"
    port_answers "$address" "$port" || processes_are_gone "$(<"$1/$2.guard")"
}

servers_wait_until_up() { # DIR NAME
    if ! wait_for 15 servers_is_settled "$1" "$2" || processes_are_gone "$(<"$1/$2.guard")"; then
        servers_fail "$2 does not answer on $(<"$1/address"): $(cat "$1/$2.out")"
    fi
}

stop_server() { # DIR
    local file name server
    for file in "$1"/*.guard; do
        [ -e "$file" ] || continue
        name=$(basename "$file" .guard)
        for server in $(servers_process "$1" "$name"); do
            kill_tree "$server" || servers_fail "$name of $1 does not end" || return
        done
        wait_for 10 processes_are_gone "$(<"$file")" || servers_fail "the guard of $name in $1 does not end" || return
        rm -f "$file"
    done
}

freeze_server() { # DIR
    local file server
    for file in "$1"/*.guard; do
        for server in $(servers_process "$1" "$(basename "$file" .guard)"); do
            freeze_tree "$server" >/dev/null
        done
    done
}

# The server and all its sessions.
servers_tree() { # PROCESS
    local child
    echo "$1"
    for child in $(pgrep -P "$1"); do
        servers_tree "$child"
    done
}

thaw_server() { # DIR
    local file server
    for file in "$1"/*.guard; do
        for server in $(servers_process "$1" "$(basename "$file" .guard)"); do
            # shellcheck disable=SC2046  # a word a process
            kill -CONT $(servers_tree "$server")
        done
    done
}

kill_sessions() { # DIR
    local file server session
    for file in "$1"/*.guard; do
        for server in $(servers_process "$1" "$(basename "$file" .guard)"); do
            for session in $(pgrep -P "$server"); do
                kill_tree "$session" || return
            done
        done
    done
}

# No client is connected.
server_is_idle() { # DIR
    local file server
    for file in "$1"/*.guard; do
        for server in $(servers_process "$1" "$(basename "$file" .guard)"); do
            ! pgrep -P "$server" -r D,R,S,T >/dev/null || return
        done
    done
}

server_address() { cat "$1/address"; }

server_url() { # DIR
    local address port
    read -r address port <"$1/address"
    echo "ftp://$servers_user:$(<"$servers_home/password")@$address:$port/"
}

# --- vsftpd ----------------------------------------------------------------------------------------------------------

start_vsftpd() { # DIR
    local dir address port address_lock status
    servers_need_user || return
    mkdir -p "$1/root" "$1/empty" && dir=$(cd -- "$1" && pwd) || return
    chmod 755 "$dir" "$dir/empty"
    chown "$servers_user:$servers_user" "$dir/root"
    servers_need_reachable "$dir/root" || return
    servers_reserve_address "$dir" || return
    read -r address port <"$dir/address"
    cat >"$dir/vsftpd.conf" <<CONF
listen=YES
background=NO
listen_address=$address
listen_port=$port
anonymous_enable=NO
local_enable=YES
write_enable=YES
local_umask=022
local_root=$dir/root
chroot_local_user=YES
allow_writeable_chroot=YES
secure_chroot_dir=$dir/empty
pam_service_name=vsftpd
seccomp_sandbox=NO
isolate_network=NO
max_clients=0
max_per_ip=0
connect_from_port_20=NO
use_localtime=NO
xferlog_enable=YES
xferlog_std_format=NO
vsftpd_log_file=$dir/vsftpd.log
log_ftp_protocol=YES
idle_session_timeout=600
CONF
    servers_spawn "$dir" vsftpd /usr/sbin/vsftpd "$dir/vsftpd.conf"
    exec {address_lock}>&-
    servers_wait_until_up "$dir" vsftpd
    status=$?
    [ $status = 0 ] || stop_server "$dir"
    return $status
}

# --- pure-ftpd -------------------------------------------------------------------------------------------------------

# The line is written here, because `pure-pw useradd` picks a hash that makes each login take seconds.
servers_write_pure_ftpd_users() { # DIR ROOT
    (umask 077 && printf '%s:%s:%s:%s::%s/./::::::::::::\n' "$servers_user" \
        "$(openssl passwd -6 -stdin <"$servers_home/password")" "$(id -u "$servers_user")" "$(id -g "$servers_user")" \
        "$2" >"$1/users")
    "$servers_cache/pure-ftpd/usr/bin/pure-pw" mkdb "$1/users.pdb" -f "$1/users"
}

start_pure_ftpd_node() { # DIR [FLAG...]
    local dir address port address_lock status
    servers_need_user && servers_need_pure_ftpd || return
    mkdir -p "$1/root" && dir=$(cd -- "$1" && pwd) || return
    shift
    chmod 755 "$dir"
    chown "$servers_user:$servers_user" "$dir/root"
    servers_need_reachable "$dir/root" || return
    servers_reserve_address "$dir" || return
    read -r address port <"$dir/address"
    servers_write_pure_ftpd_users "$dir" "$dir/root" || return
    servers_spawn "$dir" pure-ftpd "$servers_cache/pure-ftpd/usr/sbin/pure-ftpd" -4 -S "$address,$port" \
        -l "puredb:$dir/users.pdb" -A -E -H -c 100 -C 100 -u 1 -I 15 -g "$dir/pure-ftpd.self" "$@"
    exec {address_lock}>&-
    servers_wait_until_up "$dir" pure-ftpd
    status=$?
    [ $status = 0 ] || stop_server "$dir"
    return $status
}

# One at a time on a machine, because the pipe to pure-uploadscript has a fixed name; a second caller waits.
start_pure_ftpd() { # DIR ROOT HOOK [FLAG...]
    local dir root hook=$3 address port address_lock upload_lock status
    servers_need_user && servers_need_pure_ftpd || return
    mkdir -p "$1" "$2" && dir=$(cd -- "$1" && pwd) && root=$(cd -- "$2" && pwd) || return
    shift 3
    servers_need_reachable "$root" || return
    exec {upload_lock}>"$servers_locks/pure-ftpd"
    flock -w 900 "$upload_lock" || servers_fail "another upload server is running" || return
    servers_reserve_address "$dir" || return
    read -r address port <"$dir/address"
    servers_write_pure_ftpd_users "$dir" "$root" || return
    rm -f "$servers_upload_pipe"
    # -A chroot, -E no anonymous logins, -H no name look-ups, -o feeds pure-uploadscript
    servers_spawn "$dir" pure-ftpd "$servers_cache/pure-ftpd/usr/sbin/pure-ftpd" -4 -S "$address,$port" \
        -l "puredb:$dir/users.pdb" -A -E -H -o -c 100 -C 100 -u 1 -I 15 -L 1000000:20 -g "$dir/pure-ftpd.self" "$@"
    # It makes the pipe, and listens only when somebody reads it.
    wait_for 10 test -p "$servers_upload_pipe"
    servers_spawn "$dir" pure-uploadscript "$servers_cache/pure-ftpd/usr/sbin/pure-uploadscript" \
        -p "$dir/pure-uploadscript.self" -r "$hook" -u 0 -g 0
    servers_wait_until_up "$dir" pure-ftpd
    status=$?
    exec {address_lock}>&- {upload_lock}>&-
    [ $status = 0 ] || stop_server "$dir"
    return $status
}
