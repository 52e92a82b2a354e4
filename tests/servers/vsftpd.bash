# vsftpd as a node server.
# shellcheck shell=bash disable=SC2034,SC2154  # variables of servers.bash and of callers

servers_write_vsftpd_conf() { # of the caller's $dir, $address and $port
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
}

start_vsftpd() { # DIR [LINE...]
    local dir address port address_lock line scheme=ftp
    for line; do
        [ "$line" != implicit_ssl=YES ] || scheme=ftps
    done
    servers_prepare "$1" $scheme || return
    servers_write_vsftpd_conf
    shift
    [ $# = 0 ] || printf '%s\n' "${@//@DIR@/$dir}" >>"$dir/vsftpd.conf"
    case $* in
        *ssl_enable=YES*) servers_need_certificate "$dir" || return ;;
    esac
    servers_start vsftpd /usr/sbin/vsftpd "$dir/vsftpd.conf"
}

# `@DIR@` in a LINE is DIR.
start_vsftpd_tls() { # DIR [LINE...]
    start_vsftpd "$1" ssl_enable=YES rsa_cert_file=@DIR@/tls.crt rsa_private_key_file=@DIR@/tls.key force_local_logins_ssl=YES \
        force_local_data_ssl=YES ssl_ciphers=HIGH require_ssl_reuse=YES "${@:2}"
}
