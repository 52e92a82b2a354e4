#!/usr/bin/env bats
# What a user who uploads could plant in the file space, what a person could write into the queue, and what a node could answer:
# nothing of it leads out of the file space, forges a line or a command, or reaches a terminal.

load helpers

# A pipe or a device that is opened could hold a program up for ever.
BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-120}

setup() {
    make_lab
    cluster_lines='quiet = 0'
}
teardown() {
    stop_exchanging
    drop_lab
}

faults=$e2e_dir/../faults
escape=$'\e]0;owned\a\e[2J'

# --- what is planted -------------------------------------------------------------------------------------------------

# Everything about a directory and what is in it that a look does not change; a read changes a file's time of access, where the
# mount counts it, and a link, a rename or a chmod that of the inode.
state_of() { # DIR
    find "$1" -printf '%p %y %i %n %m %U %s %T@ %C@ ' \( -type f -printf '%A@\n' -o -printf '%l\n' \) | sort
}

remember_outside() {
    # Old enough that each read of it is recorded.
    find "$lab/outside" -type f -exec touch -a -d '3 days ago' {} +
    state_of "$lab/outside" >"$lab/outside.before"
}

outside_is_untouched() {
    diff "$lab/outside.before" <(state_of "$lab/outside") || fail "what lies outside was read or changed" || return
    ! grep -rqa SECRETS "$lab"/n?/root "$root" || fail "a secret got out: $(grep -rla SECRETS "$lab"/n?/root "$root")"
}

# A socket, without a program that listens.
make_socket() { # PATH
    python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1"
}

plant_everything() {
    mkdir -p "$lab/outside/d"
    echo SECRETS >"$lab/outside/file"
    echo SECRETS >"$lab/outside/d/file"
    mkdir "$files/d"
    ln -s "$lab/outside/file" "$files/link"
    ln -s "$lab/outside" "$files/way-out"
    ln -s "../../outside" "$files/d/relative"
    ln -s ../d "$files/d/harmless"
    ln -s "$lab/nowhere" "$files/dangling"
    ln -s loop-2 "$files/loop-1"
    ln -s loop-1 "$files/loop-2"
    ln -s . "$files/d/self"
    ln -s /proc/self/root "$files/d/magic"
    mkfifo "$files/fifo"
    make_socket "$files/socket"
    mknod "$files/zero" c 1 5
    mknod "$files/disk" b 7 0
    planted=(link way-out way-out/file way-out/d/file d/relative/file d/harmless dangling loop-1 loop-2/x d/self d/self/self/good
        "d/magic$lab/outside/file" fifo socket zero disk)
    echo good | land d/good
    remember_outside
}

@test "links, pipes, sockets and devices are neither queued, sent nor deleted, and nothing behind them is" {
    need_servers
    configure file
    plant_everything
    upload_hook --scan
    exits 0
    jobs_are 1 '^upload d/good '
    jobs_are 1
    for name in "${planted[@]}"; do
        upload_hook "$files/$name" || true
    done
    jobs_are 1

    # Jobs that a person or a broken hook made, with what the names stand for and with what they lead to.
    for name in "${planted[@]}"; do
        [ ! -L "$files/$name" ] || echo "store $name $(stat -c '%s %.9Y' "$files/$name")"
        [ ! -e "$files/$name" ] || echo "store $name $(stat -L -c '%s %.9Y' "$files/$name")"
        echo "store $name 0 1"
    done >"$root/.queue/jobs.q"
    store
    [[ $status = 0 || $status = 65 ]] || fail "exit status $status: $log"
    jobs_are 0
    [ "$(held_copies | wc -l)" = 1 ]
    is_stored d/good
    outside_is_untouched

    list -r
    exits 0
    [ "$output" = d/good ]
    for name in "${planted[@]}"; do
        delete "$name" || true
    done
    delete -r d
    exits 0
    outside_is_untouched
    for name in link way-out d/relative d/harmless dangling loop-1 loop-2 d/self d/magic fifo socket zero disk; do
        [[ -e $files/$name || -L $files/$name ]] || fail "$name is gone"
    done
}

@test "a file with a second name outside is stored, and its other name stays as it was" {
    configure file
    mkdir "$lab/outside"
    echo mine | tee "$lab/outside/file" >"$lab/original/hard"
    chmod 640 "$lab/outside/file"
    ln "$lab/outside/file" "$files/hard"
    before=$(stat -c '%i %a %u %s %y' "$lab/outside/file")
    upload_hook "$files/hard"
    exits 0
    store
    exits 0
    is_stored hard
    [ "$(stat -c '%h %i %a %u %s %y' "$lab/outside/file")" = "1 $before" ]
    # And where it is deleted before it was stored.
    ln "$lab/outside/file" "$files/hard-2"
    delete hard-2
    exits 0
    [ ! -e "$files/hard-2" ]
    [ "$(stat -c '%h %i %a %u %s %y' "$lab/outside/file")" = "1 $before" ]
    [ "$(cat "$lab/outside/file")" = mine ]
}

# --- races -----------------------------------------------------------------------------------------------------------

# COUNT uploads in the directory d, and beside it the link `evil` to a directory that has files of the same names, sizes and
# times, and some of its own.
plant_rival() { # COUNT
    local i name
    mkdir -p "$files/d" "$lab/original/d" "$lab/outside/d"
    for ((i = 1; i <= $1; i++)); do
        printf -v name 'd/f%04d' "$i"
        echo "CONTENT of $name" | tee "$lab/original/$name" >"$files/$name"
        echo "SECRETS of $name" >"$lab/outside/$name"
    done
    find "$files/d" "$lab/outside/d" -type f -exec touch -m -d '2026-01-02 03:04:05.678901234' {} +
    echo SECRETS | tee "$lab/outside/d/only-here-1" >"$lab/outside/d/only-here-2"
    mkdir "$lab/outside/d/only-here-3"
    echo SECRETS >"$lab/outside/d/only-here-3/file"
    ln -s "$lab/outside/d" "$files/evil"
    remember_outside
}

start_exchanging() { # NAME NAME: of the file space
    (cd "$files" && exec "$faults/exchange" "$1" "$2" >"$lab/exchanged" 2>&1 3>&-) &
    exchanger=$!
    # It is at work once it has swapped the two.
    wait_for 10 test -L "$files/$1"
}

stop_exchanging() {
    [ -n "${exchanger-}" ] || return 0
    kill "$exchanger" 2>/dev/null || true
    wait "$exchanger" || true
    exchanger=
}

# The exchange was one, and each name is what it was.
exchange_was_fair() {
    stop_exchanging
    [[ $(<"$lab/exchanged") -gt 100 && -d $files/d && ! -L $files/d && -L $files/evil ]] ||
        fail "no race: $(cat "$lab/exchanged"), $(ls -l "$files")"
}

no_secret_name_is_told() {
    ! grep -ra only-here "$root" "$lab/seen" || fail "names of another directory were found"
}

@test "a directory that is swapped for a link to another one while store works: no byte of the other is sent, no upload is lost" {
    configure file file
    plant_rival 300
    : >"$lab/race"
    for round in 1 2 3; do
        upload_hook --scan
        exits 0
        start_exchanging d evil
        for _ in 1 2; do
            store
            echo "$log" >>"$lab/race"
            queue retry
        done
        exchange_was_fair
        outside_is_untouched
    done
    # It was a race: some were stored, others met the link.
    grep -qa 'result=stored' "$lab/race"
    grep -qa 'symbolic link' "$lab/race"
    # What met the link is found again.
    queue retry
    store
    upload_hook --scan
    store
    exits 0
    remove
    everything_is_stored
    the_queue_is_empty
    nothing_is_left_over
    outside_is_untouched
}

@test "a directory that is swapped for a link while delete -r works: nothing of the other is deleted" {
    configure file
    plant_rival 300
    upload_hook "$files"/d/f00*
    exits 0
    store
    exits 0
    for round in 1 2 3 4; do
        start_exchanging d evil
        for _ in 1 2; do
            delete -r d || true
            delete -r evil || true
        done
        exchange_was_fair
        outside_is_untouched
        cp -p "$lab/original/d"/* "$files/d/"
    done
    delete -r d
    exits 0
    [ -z "$(find "$files" -type f)" ]
    [ -z "$(link_files -print)" ]
    store
    run_all_jobs
    [ -z "$(held_copies)" ]
    outside_is_untouched
}

@test "a directory that is swapped for a link while hook, scan and list look: no file of the other is queued or listed" {
    configure file
    plant_rival 100
    : >"$lab/seen"
    start_exchanging d evil
    for _ in {1..15}; do
        upload_hook --scan -v
        list -r
        echo "$output" >>"$lab/seen"
        upload_hook "$files"/d/f000? "$files"/d/f0009
        for name in d/only-here-1 evil/only-here-2 d/only-here-3/file; do
            "$bin/upload-hook" -q -C "$root" "$files/$name" 2>/dev/null || true
        done
    done
    exchange_was_fair
    outside_is_untouched
    no_secret_name_is_told
    grep -q 'd/f0001' "$lab/seen"
}

# --- terminals and logs ----------------------------------------------------------------------------------------------

# Runs a program on a terminal; what the terminal gets is in $lab/screen.
on_terminal() { # PROGRAM [ARG...]
    "$faults/on-terminal" "$bin/$1" -C "$root" "${@:2}" </dev/null >"$lab/screen" 3>&- || true
}

# Lines of UTF-8, without any control character but those that end a line, and those given by a pattern.
screen_is_clean() {
    [ -s "$lab/screen" ] || fail "nothing came to the terminal" || return
    perl -MEncode -0777 -ne 'exit 1 if !eval { $text = decode("UTF-8", $_, Encode::FB_CROAK); 1 };
        exit 1 if $text =~ /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/' "$lab/screen" || fail "the terminal gets: $(cat -v "$lab/screen")"
}

hostile_names=("a${escape}b" $'c1 \xc2\x9b2J' $'raw c1 \x9b2J' $'not utf-8 \xff\xfe' $'bs\b\b\bx' $'cr\rforged' $'nl\nforged' $'del\x7f'
    $'tab\tx' $'d/..\n' 'd/..x' "$(printf '\e%.0s' {1..255})" "$escape/d/$escape")

@test "no name, no line of the queue and no argument brings an escape sequence to a terminal" {
    configure file
    for name in "${hostile_names[@]}"; do
        echo "of $name" | land "$name"
    done
    find "$files" -type f -print0 | xargs -0 "$bin/upload-hook" -C "$root" -- 2>>"$lab/log"
    on_terminal queue list
    screen_is_clean
    on_terminal list -r
    screen_is_clean
    [ "$(wc -l <"$lab/screen")" = ${#hostile_names[@]} ]
    on_terminal store -n
    screen_is_clean
    on_terminal store --progress never -v
    screen_is_clean
    for arguments in '-l -r' '-r --json' ''; do
        # shellcheck disable=SC2086  # words
        on_terminal list $arguments
        screen_is_clean
    done
    on_terminal list -r "$escape"
    screen_is_clean
    for program in list upload-hook delete "queue show"; do
        # shellcheck disable=SC2086  # words
        on_terminal $program "nowhere$escape"
        screen_is_clean
        grep -qa nowhere "$lab/screen"
    done
    on_terminal store "--$escape"
    screen_is_clean
    on_terminal store -j "$escape"
    screen_is_clean

    # Lines of the queue, as no program writes them.
    {
        echo "# a comment $escape"
        echo "upload a$escape 0 1 1"
        echo "$escape 1 2 3"
        echo "upload x 0 1 1 not-before=$escape"
        echo "upload x 0 1 1 note=$escape"
    } >"$root/.queue/0-jobs$escape.q"
    on_terminal queue list
    screen_is_clean
    on_terminal queue status
    screen_is_clean
    on_terminal queue show x
    screen_is_clean
    on_terminal store --progress never -v
    screen_is_clean
    on_terminal queue rejected
    screen_is_clean
    on_terminal queue list
    screen_is_clean
    on_terminal delete -r -v "${hostile_names[@]}"
    screen_is_clean
    # The bar moves the cursor itself, in ways of its own.
    echo more | land "more$escape"
    upload_hook "$files/more$escape"
    on_terminal store --progress always
    not grep -qaF -e $'\e]' -e $'\e[2J' -e $'\a' "$lab/screen"
    grep -qa 'more%1B' "$lab/screen"
}

@test "a configuration with escape sequences is refused in plain text" {
    configure file
    cp "$root/.cluster.conf" "$lab/good.conf"
    for line in "$escape = 1" "jobs = $escape" "[node.$escape]" "$escape"; do
        printf '%s\n' "$(<"$lab/good.conf")" "$line" >"$root/.cluster.conf"
        on_terminal store
        screen_is_clean
        grep -qa "cluster.conf:$(wc -l <"$root/.cluster.conf"):" "$lab/screen" || fail "$(cat -v "$lab/screen")"
    done
}

# Each line of the log is one of nodespool's own.
no_line_is_forged() {
    ! grep -avE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z (debug|info|warning|error) [a-z-]+ [a-z_-]+=' "$1" ||
        fail "these lines of the log are not its own: $(grep -avE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T' "$1" | cat -v)"
    ! LC_ALL=C grep -qaP '[\x00-\x08\x0b-\x1f\x7f]' "$1" || fail "the log has control bytes: $(cat -v "$1")"
}

forged=$'2026-01-01T00:00:00.000Z info store result=stored file=forged'

@test "a log file gets one line an outcome, whatever is in names, queue files and their comments" {
    cluster_lines="quiet = 0"$'\n'"log = $lab/cluster.log"
    configure file
    for name in $'x\n'"$forged" $'x\r\n'"$forged" "x$escape" $'\xe2\x80\xa8'"${forged// /_}"; do
        echo "of $name" | land "$name"
        upload_hook "$files/$name"
        exits 0
    done
    {
        echo "# x"$'\r'"$forged"
        echo "upload%0A$forged"
        echo "upload x 0 1 1"$'\r'"$forged"
        echo "store gone%0A${forged// /%20} 1 1"
    } >"$root/.queue/"$'jobs\n'"$forged.q"
    store -v
    exits 65
    delete -r .
    remove -v
    exits 0
    no_line_is_forged "$lab/cluster.log"
    not grep -aE '^[^ ]+ info store result=stored file=forged' "$lab/cluster.log"
    [ "$(grep -acE '^[^ ]+ info store result=stored job=' "$lab/cluster.log")" = 4 ]
}

# --- nodes -----------------------------------------------------------------------------------------------------------

list_node() { nodespool list-node -C "$root" "$@"; }

@test "CR, LF and NUL in jobs never become a command to an FTP server" {
    need_servers
    configure ftp
    mkdir "$lab/n1/root/d"
    echo stays | tee "$lab/n1/root/victim" >"$lab/n1/root/d/victim"
    chown -R nodespool-test: "$lab/n1/root"
    mkdir "$root/.queue"
    for end in %0D%0A %0A %0D %00 %0D%0A%0D%0A; do
        echo "remove n1 x${end}DELE%20victim 1"
        echo "remove n1 x${end}DELE%20victim${end} 1"
        echo "remove n1 ${end}DELE%20victim 1"
        echo "remove n1 d/x${end}DELE%20victim/y 1"
        echo "remove n1 d${end}DELE%20victim/victim 1"
    done >"$root/.queue/removes.q"
    printf 'remove n1 %s 1\n' $'x\rDELE victim' 'x\r\nDELE victim' ../root/victim /victim d/../victim >>"$root/.queue/removes.q"
    remove
    exits 65
    jobs_are 0
    [ "$(cat "$lab/n1/root/victim" "$lab/n1/root/d/victim" | xargs)" = 'stays stays' ]
    # And in the names of files that are stored, where nodespool makes the names on the node.
    for end in $'\r\n' $'\n' $'\r'; do
        name="x${end}DELE victim${end}"
        echo "of $name" | upload "$name"
    done
    echo "store x%00DELE%20victim 1 1" >"$root/.queue/nul.q"
    store
    exits 65
    rm "$lab/n1/root/victim" "$lab/n1/root/d/victim"
    everything_is_stored
    not grep -a '"DELE ' "$lab/n1/vsftpd.log"
}

@test "what a server says is one line of the log, without its escapes, and without the password that it repeats" {
    node_lines=$'stall-timeout = 5\nconnect-timeout = 5' configure_hostile_node
    echo hello | upload file
    printf '530 %%PASSWORD%% is wrong, %s\r\n' "$escape" >"$lab/n1/reply.PASS"
    store
    exits 75
    logs 'is wrong' # its words are told
    printf '421-go away\r\n%s\r\n421 %s%%PASSWORD%%\r\n' "$forged" "$escape" >"$lab/n1/reply.PASS"
    queue retry
    store
    exits 75
    rm "$lab/n1/reply.PASS"
    printf '550-no\r\n%s\r\n550-\r%s\r\n550 %s no, %%PASSWORD%%\r\n' "$forged" "$forged" "$escape" >"$lab/n1/reply.STOR"
    queue retry
    store -v
    exits 75
    logs 'failure='
    printf '220-hello\r\n%s\r\n220 %s\r\n' "$forged" "$escape" >"$lab/n1/reply.GREETING"
    queue retry
    store -v
    exits 75
    grep -av '^\$ ' "$lab/log" >"$lab/store.log"
    no_line_is_forged "$lab/store.log"
    grep -qa 'STOR' "$lab/n1/commands"
    is_not_stored file
    # Nor is it in the queue, where the reason of a failure stands as a comment, in the state or in JSON.
    jobs_are 1
    nodespool nodes -C "$root" --json
    echo "$output" >"$lab/nodes.json"
    queue list --json
    echo "$output" >>"$lab/nodes.json"
    not grep -rqaF -e "$(server_password)" "$root/.queue" "$root/.state" "$lab/nodes.json" "$lab/log"
    not grep -rqaF -e $'\e' -e $'\r' "$root/.queue" "$root/.state" "$lab/nodes.json"
}

@test "a node that lists names that lead elsewhere is refused, and none of them becomes a finding or a job" {
    node_lines=$'stall-timeout = 5\nconnect-timeout = 5' configure_hostile_node
    echo hello | land file # no link file: all that the node holds is an orphan
    for name in ../x ../../etc/passwd /etc/passwd a/../../x a/b .. ''; do
        printf 'type=file;size=5;modify=20200101000000; good\r\ntype=file;size=5;modify=20200101000000; %s\r\n' "$name" \
            >"$lab/n1/listing"
        list_node n1
        exits 75
        logs 'cannot list'
        [[ $output != *passwd* && $output != *..* ]] || fail "listed: $output"
        check
        exits 75
        [[ $output != *passwd* && $output != *..* ]] || fail "found: $output"
        repair --delete-orphans <<<"$output"
        jobs_are 0 'passwd|\.\./'
    done
    # Directories of such names are not entered.
    for name in ../x /etc a/../..; do
        printf 'type=dir;modify=20200101000000; %s\r\n' "$name" >"$lab/n1/listing"
        check
        exits 75
        [ -z "$output" ]
    done
    not grep -aE 'CWD.*(etc|x)' "$lab/n1/commands"
}

repair() { nodespool repair -C "$root" "$@"; }

@test "a node that lists names with control bytes: they are encoded in all lists, and never sent as commands" {
    node_lines=$'stall-timeout = 5\nconnect-timeout = 5' configure_hostile_node
    {
        printf 'type=file;size=5;modify=20200101000000; a%s\r\n' "$escape"
        printf 'type=file;size=5;modify=20200101000000; b\rDELE victim\r\n'
        printf 'type=file;size=5;modify=20200101000000; \xff\xfe\x9b\r\n'
        printf 'type=file;size=5;modify=20200101000000; %s\r\n' "$(printf 'x%.0s' {1..3000})"
        printf 'type=file;size=5;modify=20200101000000; .nodespool-0123456789abcdef\r\n'
    } >"$lab/n1/listing"
    printf '213 5\r\n' >"$lab/n1/reply.SIZE"
    list_node n1
    exits 0
    [ "$(wc -l <<<"$output")" = 5 ]
    not grep -qaP '[\x00-\x09\x0b-\x1f\x7f]' <<<"$output"
    check
    exits 0
    findings=$output
    [ "$(grep -c '^orphan n1 ' <<<"$findings")" = 5 ]
    repair --delete-orphans <<<"$findings"
    remove
    repair <<<"$findings"
    remove
    not grep -aE "DELE victim|\\\\x1b" "$lab/n1/commands"
    # The lines of this list end in CR LF.
    printf 'type=file;size=5;modify=20200101000000; c\nremove n1 d 5\r\n' >"$lab/n1/listing"
    check
    exits 0
    [ "$output" = 'orphan n1 c%0Aremove%20n1%20d%205 5' ]
}

@test "findings that lead elsewhere are refused by repair" {
    configure file
    echo keep >"$lab/n1/victim"
    echo hello | upload file
    store
    exits 0
    for finding in 'orphan n1 ../victim 5' "orphan n1 $lab/n1/victim 5" 'orphan n1 a%0A../victim 5' 'orphan n1 x/../../victim 5' \
        'missing n1 x ../file 6' "missing n1 x $lab/n1/victim 6" 'orphan n1 %00 5'; do
        repair --delete-orphans <<<"$finding"
        [ "$status" != 0 ] || fail "taken: $finding"
        repair <<<"$finding"
        [ "$status" != 0 ] || fail "taken: $finding"
    done
    run_all_jobs
    [ "$(cat "$lab/n1/victim")" = keep ]
    cmp "$(copies_of file)" "$lab/original/file"
    [ "$(link_files -print | wc -l)" = 1 ]
}

# --- who may write ---------------------------------------------------------------------------------------------------

@test "state that everybody can write to is refused, with or without a sticky bit, also behind a link" {
    configure file
    echo hello | upload file
    echo other | upload other
    store --max-jobs 1
    exits 0
    mkdir -p "$root/.deleted" "$root/.state"
    jobs_are 1
    for directory in .queue .links .deleted .state; do
        mode=$(stat -c %a "$root/$directory")
        for bits in o+w o+wt; do
            chmod "$bits" "$root/$directory"
            for program in store list remove queue\ status upload-hook\ --scan; do
                # shellcheck disable=SC2086  # words
                nodespool $program -C "$root"
                exits 78
                logs "$directory .owner $(id -un), mode $(stat -c %04a "$root/$directory").* everybody: refused" chmod
            done
            mv "$root/$directory" "$lab/moved"
            ln -s "$lab/moved" "$root/$directory"
            store
            exits 78
            logs 'moved .*can be written by everybody'
            rm "$root/$directory"
            mv "$lab/moved" "$root/$directory"
            chmod 0 "$root/$directory"
            chmod "$mode" "$root/$directory"
        done
    done
    jobs_are 1
    store
    exits 0
    everything_is_stored
}

nobody_else_may_write() {
    [ -z "$(find "$root" -mindepth 1 -perm -o+w ! -type l)" ] || fail "everybody can write to $(find "$root" -perm -o+w)"
}

@test "what nodespool makes in the root is never open to everybody, whatever the umask" {
    configure file
    (
        umask 0
        echo hello | upload d/file
        store
        exits 0
        nobody_else_may_write
        delete d/file
        exits 0
        remove
        exits 0
    )
    nobody_else_may_write
}

@test "a password file that others can read or write is refused" {
    need_servers
    configure ftp
    echo hello | upload file
    (umask 077 && server_password >"$root/password")
    sed -i -E "s|^(url = ftp://[^:]*):[^@]*@|\1@|; \$a password-file = password" "$root/.cluster.conf"
    for mode in 0604 0640 0602 0620 0666; do
        chmod $mode "$root/password"
        store
        exits 78
        logs "password .*mode $mode.*refused"
        [[ $log != *"$(server_password)"* ]]
        is_not_stored file
    done
    chmod 600 "$root/password"
    store
    exits 0
    everything_is_stored
}
