# Certificates for the servers with TLS: one authority of the tests' own, and a certificate for each server's address.
# shellcheck shell=bash disable=SC2034,SC2154  # variables of servers.bash and of callers

server_ca() {
    servers_need_ca && echo "$servers_cache/tls/ca.pem"
}

servers_new_key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)

new_ca() { # DIR
    mkdir -p "$1"
    openssl req -x509 "${servers_new_key[@]}" -days 3650 -subj "/CN=nodespool tests" -keyout "$1/ca.key" -out "$1/ca.pem" 2>/dev/null
}

servers_need_ca() {
    mkdir -p "$servers_cache"
    (
        flock 9
        # It lives ten years; a new one is made a year before its end.
        ! openssl x509 -checkend 31536000 -noout -in "$servers_cache/tls/ca.pem" >/dev/null 2>&1 || exit 0
        rm -rf "$servers_cache/tls" "$servers_cache/tls.new"
        new_ca "$servers_cache/tls.new" && mv "$servers_cache/tls.new" "$servers_cache/tls"
    ) 9>"$servers_cache/lock" || servers_fail "cannot make a certificate authority in $servers_cache/tls"
}

# DIR/tls.crt and DIR/tls.key for NAME, as in IP:127.0.0.1 or DNS:node.example.
new_certificate() { # DIR NAME
    servers_need_ca && mkdir -p "$1" || return
    if ! openssl req "${servers_new_key[@]}" -subj "/CN=${2#*:}" -keyout "$1/tls.key" -out "$1/tls.csr" 2>/dev/null ||
        ! openssl x509 -req -in "$1/tls.csr" -CA "$servers_cache/tls/ca.pem" -CAkey "$servers_cache/tls/ca.key" \
            -set_serial "0x$(openssl rand -hex 16)" -days 3650 -extfile <(echo "subjectAltName=$2") -out "$1/tls.crt" 2>/dev/null; then
        servers_fail "cannot make a certificate for $2"
    fi
}

# For the address that DIR has, where there is no certificate yet.
servers_need_certificate() { # DIR
    [ -s "$1/tls.crt" ] || new_certificate "$1" "IP:$(cut -d' ' -f1 "$1/address")"
}
