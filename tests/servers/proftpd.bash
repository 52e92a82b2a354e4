# proftpd as a node server.
# shellcheck shell=bash disable=SC2034,SC2154  # variables of servers.bash and of callers

servers_need_proftpd() {
    servers_unpack proftpd usr/sbin/proftpd proftpd-core proftpd-mod-crypto
}

servers_write_proftpd_conf() { # of the caller's $dir, $address and $port
    local user_id group_id
    user_id=$(id -u "$servers_user") group_id=$(id -g "$servers_user")
    (
        umask 077
        printf '%s:%s:%s:%s::%s:/bin/false\n' "$servers_user" "$(openssl passwd -6 -stdin <"$servers_home/password")" \
            "$user_id" "$group_id" "$dir/root" >"$dir/users"
        printf '%s:x:%s:\n' "$servers_user" "$group_id" >"$dir/groups"
    )
    cat >"$dir/proftpd.conf" <<CONF
ModulePath $servers_cache/proftpd/usr/lib/proftpd
ServerType standalone
ServerName node
DefaultAddress $address
Port $port
SocketBindTight on
UseIPv6 off
UseReverseDNS off
User $servers_user
Group $servers_user
AuthOrder mod_auth_file.c
AuthUserFile $dir/users
AuthGroupFile $dir/groups
AuthFileOptions InsecurePerms
RequireValidShell off
DefaultRoot $dir/root
Umask 022
AllowOverwrite on
MaxInstances 200
TimeoutIdle 600
DelayEngine off
WtmpLog off
TransferLog none
LogFormat commands "%r"
ExtendedLog $dir/proftpd.commands ALL commands
SystemLog $dir/proftpd.log
PidFile $dir/proftpd.self
ScoreboardFile $dir/proftpd.scoreboard
<IfModule mod_ctrls.c>
  ControlsEngine off
</IfModule>
CONF
}

# `@DIR@` in a LINE is DIR.
start_proftpd() { # DIR [LINE...]
    local dir address port address_lock
    servers_need_proftpd && servers_prepare "$1" ftp || return
    servers_write_proftpd_conf
    shift
    [ $# = 0 ] || printf '%s\n' "${@//@DIR@/$dir}" >>"$dir/proftpd.conf"
    case $* in
        *TLSEngine*) servers_need_certificate "$dir" || return ;;
    esac
    servers_start proftpd "$servers_cache/proftpd/usr/sbin/proftpd" -n -c "$dir/proftpd.conf"
}

start_proftpd_tls() { # DIR [LINE...]
    start_proftpd "$1" "LoadModule mod_tls.c" "TLSEngine on" "TLSRequired on" "TLSECCertificateFile @DIR@/tls.crt" \
        "TLSECCertificateKeyFile @DIR@/tls.key" "TLSVerifyClient off" "TLSLog @DIR@/proftpd.tls" "${@:2}"
}
