# OpenSSH's sshd as a node server: SFTP only, by key or password.
# shellcheck shell=bash disable=SC2034,SC2154  # variables of servers.bash and of callers

# A new host key, as after the reinstallation of a server; known_hosts keeps the old one.
new_host_key() { # DIR
    rm -f "$1/hostkey" "$1/hostkey.pub"
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$1/hostkey"
}

servers_need_ssh_keys() { # of the caller's $dir, $address and $port
    [ -s "$dir/hostkey" ] || new_host_key "$dir" || return
    [ -s "$dir/known_hosts" ] || echo "[$address]:$port $(cut -d' ' -f1,2 "$dir/hostkey.pub")" >"$dir/known_hosts"
    [ -s "$dir/userkey" ] || ssh-keygen -q -t ed25519 -N '' -C '' -f "$dir/userkey" || return
    cp "$dir/userkey.pub" "$dir/authorized_keys"
}

start_sshd() { # DIR [LINE...]
    local dir address port address_lock
    servers_prepare "$1" sftp && servers_need_ssh_keys || return
    mkdir -p /run/sshd # compiled in
    {
        # The first value of a keyword counts.
        [ $# = 1 ] || printf '%s\n' "${@:2}"
        cat <<CONF
ListenAddress $address
Port $port
HostKey $dir/hostkey
PidFile none
AuthorizedKeysFile $dir/authorized_keys
AllowUsers $servers_user
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
StrictModes no
MaxStartups 200
MaxSessions 200
MaxAuthTries 20
X11Forwarding no
AllowTcpForwarding no
PrintMotd no
LogLevel VERBOSE
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d $dir/root
CONF
    } >"$dir/sshd.conf"
    servers_start sshd /usr/sbin/sshd -D -e -f "$dir/sshd.conf"
}
