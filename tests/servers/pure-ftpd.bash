# pure-ftpd as a node server, and with pure-uploadscript as the upload server.
# shellcheck shell=bash disable=SC2034,SC2154  # variables of servers.bash and of callers

servers_upload_pipe=/var/run/pure-ftpd.upload.pipe # compiled into pure-ftpd

servers_need_pure_ftpd() {
    servers_unpack pure-ftpd usr/sbin/pure-ftpd pure-ftpd pure-ftpd-common
}

# The line is written here, because `pure-pw useradd` picks a hash that makes each login take seconds.
servers_write_pure_ftpd_users() { # DIR ROOT
    (umask 077 && printf '%s:%s:%s:%s::%s/./::::::::::::\n' "$servers_user" \
        "$(openssl passwd -6 -stdin <"$servers_home/password")" "$(id -u "$servers_user")" "$(id -g "$servers_user")" \
        "$2" >"$1/users")
    "$servers_cache/pure-ftpd/usr/bin/pure-pw" mkdb "$1/users.pdb" -f "$1/users"
}

# -A chroot, -E no anonymous logins, -H no name look-ups
servers_pure_ftpd_command() { # of the caller's $dir, $address and $port: fills $pure_ftpd_command
    pure_ftpd_command=("$servers_cache/pure-ftpd/usr/sbin/pure-ftpd" -4 -S "$address,$port" -l "puredb:$dir/users.pdb" -A -E -H
        -c 100 -C 100 -u 1 -I 15 -g "$dir/pure-ftpd.self")
}

start_pure_ftpd_node() { # DIR [FLAG...]
    local dir address port address_lock pure_ftpd_command
    servers_need_pure_ftpd && servers_prepare "$1" ftp || return
    servers_write_pure_ftpd_users "$dir" "$dir/root" || return
    servers_pure_ftpd_command
    servers_start pure-ftpd "${pure_ftpd_command[@]}" "${@:2}"
}

# -Y 2: no login without TLS
start_pure_ftpd_tls_node() { # DIR [FLAG...]
    local dir address port address_lock pure_ftpd_command
    servers_need_pure_ftpd && servers_prepare "$1" ftp && servers_need_certificate "$dir" || return
    servers_write_pure_ftpd_users "$dir" "$dir/root" || return
    servers_pure_ftpd_command
    servers_start pure-ftpd "${pure_ftpd_command[@]}" -Y 2 -2 "$dir/tls.crt,$dir/tls.key" "${@:2}"
}

# One at a time on a machine, because the pipe to pure-uploadscript has a fixed name; a second caller waits.
start_pure_ftpd() { # DIR ROOT HOOK [FLAG...]
    local dir root hook=$3 address port address_lock upload_lock status pure_ftpd_command
    servers_need_user && servers_need_pure_ftpd || return
    mkdir -p "$1" "$2" && dir=$(cd -- "$1" && pwd) && root=$(cd -- "$2" && pwd) || return
    shift 3
    echo ftp >"$dir/scheme"
    servers_need_reachable "$root" || return
    exec {upload_lock}>"$servers_locks/pure-ftpd"
    flock -w 900 "$upload_lock" || servers_fail "another upload server is running" || return
    servers_reserve_address "$dir" || return
    read -r address port <"$dir/address"
    servers_write_pure_ftpd_users "$dir" "$root" || return
    servers_pure_ftpd_command
    rm -f "$servers_upload_pipe"
    # -o feeds pure-uploadscript
    servers_spawn "$dir" pure-ftpd "${pure_ftpd_command[@]}" -o -L 1000000:20 "$@"
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
