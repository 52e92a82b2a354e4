#!/usr/bin/env bats
# One of two nodes fails on the wire, in every way that a proxy in front of its real server can make up (tests/faults/proxy):
# nothing wrong is recorded, nobody waits longer than the time-outs say, and once the node is well again everything is stored once.

load helpers

setup() {
    need_servers
    make_lab
    patience=1 # of n1's sessions, in seconds; n2 has the usual time-outs, and n1 once it is well
}
teardown() { drop_lab; }

seconds_now() { echo "${EPOCHREALTIME%[.,]*}"; }

# --- a node behind the proxy -----------------------------------------------------------------------------------------

start_proxy() { # [OPTION...]: in front of n1
    local address port
    read -r address port <"$lab/n1/address"
    mkdir -p "$lab/proxy"
    rm -f "$lab/proxy/proxy.out"
    servers_spawn "$lab/proxy" proxy "$e2e_dir/../faults/proxy" --to "$address" "$port" "$@"
    wait_for 10 proxy_listens || fail "the proxy does not start: $(cat "$lab/proxy/proxy.out")"
}
proxy_listens() { grep -qxE '[0-9]+' "$lab/proxy/proxy.out" 2>/dev/null; }

the_proxy_struck() {
    grep -q '^fault ' "$lab/proxy/proxy.out" || fail "the fault did not come about: $(cat "$lab/proxy/proxy.out")" || return
    ! grep -a Traceback "$lab/proxy/proxy.out"
}

# Two nodes of KIND, the first of them behind a proxy.
node_fails() { # KIND PROXY-OPTION...
    local kind=$1 server port
    shift
    configure "$kind" "$kind"
    case $kind in
        ftp | tls) set -- --ftp "$@" ;;
    esac
    start_proxy "$@"
    read -r _ server <"$lab/n1/address"
    port=$(head -n 1 "$lab/proxy/proxy.out")
    section_of n1 | sed "/^url/s|:$server/|:$port/|" >"$lab/n1/patient"
    { cat "$lab/n1/patient" && printf 'connect-timeout = %d\nstall-timeout = %d\n' "$patience" "$patience"; } >"$lab/n1/section"
    [ ! -e "$lab/n1/known_hosts" ] || sed -i "p; s/:$server /:$port /" "$lab/n1/known_hosts"
    write_configuration
    healed=(--listen "$port")
    [[ $1 != --ftp ]] || healed+=(--ftp)
}

node_heals() {
    stop_server "$lab/proxy"
    start_proxy "${healed[@]}"
    cp "$lab/n1/patient" "$lab/n1/section"
    write_configuration
}

# --- what is stored on it --------------------------------------------------------------------------------------------

# Jobs for either node (f), for n1 alone (p) and for n2 alone (q), 8 of each; every file is 3 kB.
upload_files() {
    local name padding
    printf -v padding '%3000s' ''
    for name in {f,p,q}{1..8}; do
        echo "content of $name$padding" >"$lab/original/$name"
    done
    cp "$lab"/original/* "$files"
    upload_hook "$files"/f?
    exits 0
    (cd "$files" && stat -c 'store %n %s %.9Y n1' p? && stat -c 'store %n %s %.9Y n2' q?) | add_jobs
}

# Whatever a link file records is there, and has the bytes that were uploaded.
what_is_recorded_is_right() {
    local missing wrong
    missing=$(comm -23 <(recorded_copies) <(held_copies))
    [ -z "$missing" ] || fail "recorded, and not there: $missing" || return
    wrong=$(comm -13 <(checksums "$lab/original") <(recorded_checksums))
    [ -z "$wrong" ] || fail "recorded, and not what was uploaded, or twice: $wrong"
}

# The jobs of n2 were done before n1 had its first job done or failed.
n2_was_not_held_up() {
    local last first
    last=$(grep -anE 'result=stored .* file=q[0-9] ' <<<"$log" | tail -n 1 | cut -d : -f 1)
    first=$(grep -anE 'result=node-failed|result=(resubmitted|stored) .* file=p[0-9] ' <<<"$log" | head -n 1 | cut -d : -f 1)
    ((last && first && last < first)) || fail "a job of n2 ended after one of n1: $log"
}

# What n2 may do is done: one copy each.
what_n2_may_do_is_done() {
    local name
    for name in {f,q}{1..8}; do
        [[ -f $root/.links/$name && ! -e $files/$name ]] || fail "$name is not stored: $log" || return
    done
}

# A run of `store` with the fault in place ends with STATUS, and in time.
store_with_the_fault() { # STATUS
    local begin
    upload_files
    begin=$(seconds_now)
    store
    (($(seconds_now) - begin <= 25)) || fail "store took $(($(seconds_now) - begin)) s" || return
    [[ $status = "$1" || $1 = any ]] || fail "store ends with $status instead of $1: $log" || return
    the_proxy_struck && what_is_recorded_is_right && what_n2_may_do_is_done
}

# Once the proxy does no harm, everything is stored once and there is nothing that nobody knows of.
it_ends_well() {
    node_heals
    queue retry
    run_all_jobs
    everything_is_stored
    nothing_is_left_over
}

# --- the faults ------------------------------------------------------------------------------------------------------

# n1 fails whenever it can: the jobs that it alone may do wait for it, and no other.
n1_fails() { # KIND PROXY-OPTION...
    node_fails "$@" --every
    store_with_the_fault 75
    jobs_are 8 '^store p'
    jobs_are 0 '^(upload|store q)'
    it_ends_well
}

# The same, and what n1 costs is time.
n1_stalls() { # KIND PROXY-OPTION...
    node_fails "$@" --every
    store_with_the_fault 75
    n2_was_not_held_up
    it_ends_well
}

# Of the jobs that n1 alone may do at most COUNT wait for it: it fails once, or in a way that can be helped.
n1_fails_at_most() { # COUNT KIND PROXY-OPTION...
    local waiting
    patience=10
    node_fails "${@:2}"
    store_with_the_fault any
    waiting=$(jobs_waiting | grep -c '^store p') || true
    ((waiting <= $1)) || fail "$waiting jobs wait: $log" || return
    jobs_are 0 '^(upload|store q)'
    it_ends_well
}

@test "FTP: cut in a reply to the login" { n1_fails ftp --fault cut --direction down --bytes 40; }
@test "FTP: cut in a command" { n1_fails ftp --fault cut --bytes 100; }
@test "FTP: reset in a reply" { n1_fails ftp --fault reset --direction down --bytes 150; }
@test "FTP: replies stall during login" { n1_stalls ftp --fault stall --direction down --bytes 40; }
@test "FTP: the control connection is slow" { n1_fails_at_most 0 ftp --fault slow --rate 1000 --every; }
@test "FTP: data cut in the middle, which the server takes for the end" { n1_fails ftp --fault cut --channel data --bytes 700; }
@test "FTP: data reset in the middle" { n1_fails ftp --fault reset --channel data --bytes 700; }
@test "FTP: data stalls in the middle" { n1_stalls ftp --fault stall --channel data --bytes 700; }
@test "FTP: data is slow" { n1_fails_at_most 0 ftp --fault slow --channel data --rate 9000 --every; }
@test "FTP: 226, although the file is short" { n1_fails ftp --fault swallow --channel data --bytes 700; }
@test "FTP: 421 from the second connection on" { n1_fails_at_most 0 ftp --fault greeting-421 --at 2 --every; }
@test "FTP: 421 at login" { n1_fails ftp --fault login-421; }
@test "FTP: 425 to STOR" { n1_fails ftp --fault stor-425; }
@test "FTP: 426 in the middle" { n1_fails ftp --fault stor-426 --bytes 700; }
@test "FTP: 452 to STOR" { n1_fails ftp --fault stor-452; }
@test "FTP: 552 in the middle" { n1_fails ftp --fault stor-552 --bytes 700; }
@test "FTP: the connection dies between data and 226" { n1_fails ftp --fault stor-death; }
@test "FTP: the connection dies once between data and 226" { n1_fails_at_most 1 ftp --fault stor-death --at 3; }
@test "FTP: EPSV refused" { n1_fails_at_most 0 ftp --fault epsv-500 --every; }
@test "FTP: EPSV and PASV refused" { n1_fails ftp --fault passive-502; }
@test "FTP: garbage in place of the greeting" { n1_fails ftp --fault greeting-garbage; }
@test "FTP: garbage in place of 226" { n1_fails ftp --fault stor-garbage; }
@test "FTP: a wrong size" { n1_fails ftp --fault size-wrong; }
@test "FTP with TLS: garbage in place of the handshake" { n1_fails tls --fault tls-garbage; }
@test "SFTP: cut in the middle of the files" { n1_fails_at_most 8 sftp --fault cut --bytes 8000; }
@test "SFTP: stalls in the middle of the files" { n1_stalls sftp --fault stall --bytes 6000; }
@test "SFTP: reset in the middle of the replies" { n1_fails_at_most 8 sftp --fault reset --direction down --bytes 4000; }
@test "SFTP: slow" { n1_fails_at_most 0 sftp --fault slow --rate 40000 --every; }
