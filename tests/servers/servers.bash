# Real servers as fixtures: vsftpd, pure-ftpd, proftpd and OpenSSH's sshd as node servers, pure-ftpd with pure-uploadscript as
# the upload server. Sourced by the bats tests, the conformance suite and the benchmarks (tests/servers/with-servers).
# shellcheck shell=bash
#
#   start_vsftpd DIR [LINE…]               DIR/root is what the node holds, DIR/vsftpd.log its log of FTP commands; LINEs are
#                                          added to its configuration
#   start_vsftpd_tls DIR [LINE…]           the same, nothing without TLS (explicit, or `implicit_ssl=YES`), sessions reused
#   start_pure_ftpd_node DIR [FLAG…]       pure-ftpd as a node server, as many as you like
#   start_pure_ftpd_tls_node DIR [FLAG…]   no login without TLS
#   start_proftpd DIR [LINE…]              DIR/proftpd.commands is its log of FTP commands
#   start_proftpd_tls DIR [LINE…]          nothing without TLS, sessions reused
#   start_sshd DIR [LINE…]                 SFTP only; DIR/userkey logs in as well as the password, DIR/known_hosts has its key,
#                                          DIR/sshd.out is its log
#   start_pure_ftpd DIR ROOT HOOK [FLAG…]  serves ROOT; HOOK runs after each upload, with its absolute path
#   stop_server DIR                        as a crash would: kill -9 of all its processes; DIR stays
#   freeze_server DIR                      it accepts connections and never answers, until thaw_server or stop_server
#   thaw_server DIR                        it goes on where freeze_server stopped it
#   kill_sessions DIR                      kill -9 of every client's session; the server stays and takes new ones
#   server_is_idle DIR                     no client is connected
#   server_url DIR [USER-INFO]             ftp://, ftps:// (implicit TLS) or sftp://, then USER:PASSWORD@127.0.0.x:PORT/
#   server_address DIR                     127.0.0.x PORT
#   server_password                        of $servers_user on every server
#   server_ca                              the certificate of the authority that signed those of the servers with TLS
#   new_certificate DIR NAME               from that authority, for a server that is then started in DIR; NAME as IP:127.0.0.1
#   new_ca DIR                             another authority: DIR/ca.pem and DIR/ca.key
#   wait_for SECONDS CMD…                  polls CMD until it succeeds; 1 when it never did
#
# A server that is started again in the same DIR has the same address, keys and certificate. All of them need root, listen on
# loopback only and end with the process that started them (see guard). Called from within `$(...)` or `run`, they work as well.

servers_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
servers_cache=$(realpath -m -- "${NODESPOOL_SERVERS_CACHE:-$servers_dir/../../build/servers}")
servers_locks=/run/lock/nodespool-test
servers_user=nodespool-test
servers_home=/var/lib/nodespool-test

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
    [ "$(id -u)" = 0 ] || servers_fail "servers that change to another user need root" || return
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

# FTP servers conflict with each other as packages, so all but vsftpd are unpacked, not installed: below
# $servers_cache/NAME. What their libraries need is installed.
servers_unpack() { # NAME PROGRAM PACKAGE...
    local name=$1 program=$2
    shift 2
    mkdir -p "$servers_cache" "$servers_locks"
    (
        flock 9
        [ ! -x "$servers_cache/$name/$program" ] || exit 0
        cd -- "$servers_cache" || exit
        rm -rf "$name" "$name.new" "$name.packages"
        mkdir "$name.packages" && cd "$name.packages" && apt-get download "$@" || exit
        for package in *.deb; do
            dpkg -x "$package" "../$name.new" || exit
        done
        cd .. && rm -rf "$name.packages"
        mapfile -t libraries < <(servers_missing_libraries "$name.new" "$@")
        if [ ${#libraries[@]} -gt 0 ]; then
            DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${libraries[@]}" || exit
        fi
        mv "$name.new" "$name"
    ) 9>"$servers_cache/lock" >&2 || servers_fail "cannot unpack $name into $servers_cache"
}

# The library packages that the packages depend on and that are not installed, where something below DIR lacks a library.
servers_missing_libraries() { # DIR PACKAGE...
    local dir=$1 library
    shift
    find "$dir" -type f \( -perm -100 -o -name '*.so' \) -exec ldd {} + 2>/dev/null | grep -q 'not found' || return 0
    for library in $(apt-cache depends "$@" | awk '$1 == "Depends:" && $2 ~ /^(lib|zlib)/ { print $2 }' | sort -u); do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$library" 2>/dev/null)" = installed ] || echo "$library"
    done
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

server_password() { cat "$servers_home/password"; }

server_url() { # DIR [USER-INFO]
    local address port
    read -r address port <"$1/address"
    echo "$(<"$1/scheme")://${2-$servers_user:$(server_password)}@$address:$port/"
}

# --- what all kinds of servers share ---------------------------------------------------------------------------------

# Makes DIR ready and sets the caller's $dir, $address, $port and $address_lock.
servers_prepare() { # DIR SCHEME
    servers_need_user || return
    mkdir -p "$1/root" "$1/empty" && dir=$(cd -- "$1" && pwd) || return
    chmod 755 "$dir" "$dir/empty"
    chown "$servers_user:$servers_user" "$dir/root"
    echo "$2" >"$dir/scheme"
    servers_need_reachable "$dir/root" || return
    servers_reserve_address "$dir" || return
    read -r address port <"$dir/address"
}

# Starts CMD as the server NAME of the caller's $dir, at the address that it holds.
servers_start() { # NAME CMD...
    servers_spawn "$dir" "$@"
    exec {address_lock}>&-
    servers_wait_until_up "$dir" "$1" || {
        stop_server "$dir"
        return 1
    }
}

for servers_part in tls vsftpd pure-ftpd proftpd sshd; do
    # shellcheck source=/dev/null
    source "$servers_dir/$servers_part.bash"
done
unset servers_part
