#!/usr/bin/env bats
# Deleting: what leaves the catalogue and the file space, what is said about the rest, and what a store at work does then.

load helpers

setup() { make_lab; }
teardown() { drop_lab; }

delete() { nodespool delete -C "$root" "$@"; }

# The paths (encoded) of the link files of deleted files.
deleted_paths() {
    [ ! -d "$root/.deleted" ] || find "$root/.deleted" -type f -exec awk 'FNR == 1 { print $1 }' {} + | sort
}

deleted_are() { # PATH...
    [ "$(deleted_paths | xargs)" = "$*" ] || fail "deleted are $(deleted_paths | xargs) instead of $*"
}

is_nowhere() { # NAME...: no link file, nothing in the file space
    local name
    for name; do
        [ ! -e "$root/.links/$name" ] || fail "$name has a link file" || return
        [ ! -e "$files/$name" ] || fail "$name is in the file space" || return
    done
    [ -z "$(find "$files" -name '.nodespool-*')" ] || fail "a hidden file is left: $(find "$files" -name '.nodespool-*')"
}

# NAME...: uploads, and stores them.
have_stored() {
    local name
    for name; do
        echo "content of $name" | upload "$name"
    done
    store
    exits 0
    is_stored "$@"
}

a_copy_has_begun() { [ -n "$(find "$lab"/n?/root -type f -size +0)" ]; }

@test "a deleted file's link file is kept as it was, for remove, and its copies stay until then" {
    configure file file
    have_stored d/a d/b
    cp "$root/.links/d/a" "$lab/link"
    delete d/a
    exits 0
    [ -z "$output" ]
    logs result=deleted files=1
    deleted_are d/a
    [[ $(ls "$root/.deleted") =~ ^[0-9]{8}-[0-9]{6}\.[0-9]{6}-.+-[0-9]+-[0-9]+$ ]]
    cmp "$root"/.deleted/* "$lab/link"
    is_nowhere d/a
    is_stored d/b
    [ "$(held_copies | wc -l)" = 2 ]
    list -r
    [ "$output" = d/b ]

    delete -q "$files/d/b"
    exits 0
    [ -z "$log" ]
    deleted_are d/a d/b
    [ ! -e "$root/.links/d" ]
    [ -d "$files/d" ]
    list -r
    [ -z "$output" ]
}

@test "paths that cannot be deleted are named, and the others are deleted" {
    configure file
    have_stored a d/b
    delete none a d
    exits 74
    logs 'no such file in the cluster: none'
    logs 'd is a directory: -r deletes everything below it'
    deleted_are a
    is_stored d/b
    delete d
    exits 64
    delete -v /etc/passwd d/b
    exits 64
    logs /etc/passwd 'outside the file space'
    is_stored d/b
    delete
    exits 64
    logs 'found no PATH, expected at least one, or --from-stdin'
    delete --from-stdin d/b </dev/null
    exits 64
    delete .
    exits 64
    is_stored d/b
    ln -s /etc "$files/planted"
    delete -r planted planted/passwd
    exits 74
    [ "$(count_logged 'no such file in the cluster')" = 2 ]
    [ -L "$files/planted" ] && [ -e /etc/passwd ]
}

@test "-r deletes a tree, stored and waiting, and nothing beside it; the top only when it is named" {
    configure file
    have_stored t/a t/sub/b tt/c top
    echo new | upload t/sub/b
    echo waits | upload t/other/w
    delete -rv t
    exits 0
    logs result=deleted file=t/a
    logs result=deleted file=t/sub/b
    logs result=deleted file=t/other/w
    logs result=deleted files=3
    deleted_are t/a t/sub/b
    [ ! -e "$root/.links/t" ]
    [ -z "$(find "$files" -type f)" ]
    [ -d "$files/t/sub" ]
    is_stored tt/c top
    store
    exits 0
    [ "$(count_logged result=stale)" = 2 ]
    the_queue_is_empty
    deleted_are t/a t/sub/b

    delete -r .
    exits 0
    deleted_are t/a t/sub/b top tt/c
    [ -z "$(link_files -print)" ]
    [ -d "$root/.links" ] && [ -d "$root/.queue" ] && [ -f "$root/.cluster.conf" ]
    delete -r . t
    exits 0
}

@test "a file that waits to be stored is deleted, and its job is stale" {
    configure file
    have_stored both
    echo 'a newer version' | upload both
    echo new | upload waits
    delete both waits
    exits 0
    deleted_are both
    is_nowhere both waits
    store
    exits 0
    [ "$(count_logged result=stale)" = 2 ]
    the_queue_is_empty
    [ "$(held_copies | wc -l)" = 1 ]
}

@test "a file that is kept locally is deleted there too" {
    cluster_lines='keep-local = yes'
    configure file
    echo kept | upload kept
    store
    exits 0
    [ -f "$files/kept" ]
    delete kept
    exits 0
    is_nowhere kept
    upload_hook --scan
    exits 0
    jobs_are 0
}

@test "an upload that is being written stays, its stored version goes, and both are said" {
    configure file
    have_stored report
    echo 'half of a new version' >"$files/report"
    echo 'half of a file' >"$files/new"
    exec 9>>"$files/report" 8>>"$files/new"
    delete report
    exits 75
    logs result=left file=report 'its stored version is deleted'
    deleted_are report
    delete --json new
    exits 75
    logs result=left file=new 'somebody writes to it'
    [ "$output" = '{"deleted":"new","stored":false,"local":"being-written"}' ]
    delete -r .
    exits 75
    [ "$(cat "$files/report" "$files/new" | wc -l)" = 2 ]
    exec 9>&- 8>&-
    delete -r .
    exits 0
    is_nowhere report new
    deleted_are report
}

@test "odd names are deleted by their raw and by their encoded form" {
    configure file
    names=('with blank' $'new\nline' '#hash' 'per%cent' 'a=b' $'\xff\xfe' 'd/ü' '-n' 'd/.hidden' $'tab\there' "quote'\"")
    for name in "${names[@]}"; do
        echo x | land "$name"
    done
    find "$files" -type f -print0 | xargs -0 "$bin/upload-hook" -C "$root" -- 2>>"$lab/log"
    store
    exits 0
    is_stored "${names[@]}"
    delete -- '-n' $'new\nline' 'with blank' $'\xff\xfe'
    exits 0
    list -r
    exits 0
    [ "$(wc -l <<<"$output")" = $((${#names[@]} - 4)) ]
    delete --from-stdin < <("$bin/list" -C "$root" -r)
    exits 0
    list -r
    [ -z "$output" ]
    [ "$(deleted_paths | wc -l)" = ${#names[@]} ]
    is_nowhere "${names[@]}"
}

@test "a bad line of a list is named, and the others' files are deleted" {
    configure file
    have_stored a b c d/e
    echo 'newer' | upload b
    printf '%s\n' a '' 'not an%path' ../up '1 b 2' b b none d >"$lab/listed"
    printf c >>"$lab/listed"
    delete --from-stdin <"$lab/listed"
    exits 74
    logs 'stdin:3: found'
    logs 'stdin:4: found .*, expected a path in the file space'
    logs 'stdin:5: found'
    logs 'no such file in the cluster: none'
    logs 'd is a directory'
    deleted_are a b c
    is_nowhere a b c
    delete -r --from-stdin < <(printf '%s\n' 'bad line' d)
    exits 65
    deleted_are a b c d/e
    delete --from-stdin < <(head -c 100000 /dev/zero | tr '\0' x)
    exits 65
    logs 'stdin:1: found a line of 100000 bytes, expected an encoded path'
}

@test "a link file that cannot be understood is named and stays, the others go" {
    configure file
    have_stored d/a d/b
    echo nonsense >"$root/.links/d/a"
    delete -r d
    exits 65
    logs "$root/.links/d/a:1: found"
    deleted_are d/b
    [ -f "$root/.links/d/a" ]
}

@test "a dry run tells what would go and changes nothing" {
    configure file
    have_stored t/stored t/both
    echo newer | upload t/both
    echo waits | upload t/waits
    snapshot "$root" "$files" "$lab/n1" >"$lab/before"
    delete -nr t
    exits 0
    [ "$(sort <<<"$output")" = $'would delete t/both\nwould delete t/stored\nwould delete t/waits' ]
    delete -n --json t/both
    [ "$output" = '{"would-delete":"t/both","stored":true,"local":"removed"}' ]
    delete -n none
    exits 74
    snapshot "$root" "$files" "$lab/n1" >"$lab/after"
    diff "$lab/before" "$lab/after"
    delete -r --json t
    exits 0
    [ "$(jq -c '[.deleted, .stored, .local]' <<<"$output" | sort | xargs)" = \
        '[t/both,true,removed] [t/stored,true,none] [t/waits,false,removed]' ]
}

@test "a file that is deleted while store sends it ends nowhere: no copy, no link, no local file" {
    configure file
    head -c 6M /dev/urandom | upload d/file
    start_store background --limit-rate 3M
    wait_for 10 a_copy_has_begun
    kill -STOP "$pid"
    delete d/file
    exits 0
    is_nowhere d/file
    kill -CONT "$pid"
    finish_store background "$pid"
    exits 0
    logs result=stale file=d/file
    is_nowhere d/file
    deleted_are
    the_queue_is_empty
    [ -z "$(held_copies)" ]
}

@test "a file that is deleted while store sends a new version of it ends deleted, and its old link is kept for remove" {
    configure file
    have_stored file
    old=$(copies_of file)
    head -c 6M /dev/urandom | upload file
    start_store background --limit-rate 3M
    wait_for 10 eval '[ "$(find "$lab/n1/root" -type f -size +0 | wc -l)" = 2 ]'
    kill -STOP "$pid"
    delete file
    exits 0
    deleted_are file
    kill -CONT "$pid"
    finish_store background "$pid"
    exits 0
    is_nowhere file
    deleted_are file
    the_queue_is_empty
    [ "$(find "$lab/n1/root" -type f)" = "$old" ]
}

@test "delete -r, killed again and again, deletes every file once" {
    configure file
    mkdir -p "$root/.links/t"
    for ((i = 0; i < 3000; i++)); do
        echo "t/f$i 1 0 1.000000000"$'\nserver n1 0/x'$i >"$root/.links/t/f$i"
    done
    store # makes what the cluster needs
    kills=0
    for ((round = 0; round < 20; round++)); do
        "$bin/delete" -C "$root" -rq t 2>>"$lab/log" 3>&- &
        pid=$!
        sleep "0.$(printf %03d $((RANDOM % 60 + 5)))" # the random moment
        ! kill -KILL "$pid" 2>/dev/null || kills=$((kills + 1))
        wait "$pid" 2>/dev/null || true
        (($(link_files -print | wc -l) + $(deleted_paths | wc -l) == 3000)) ||
            fail "$(link_files -print | wc -l) links and $(deleted_paths | wc -l) deleted ones"
    done
    [ ! -e "$root/.links/t" ] || delete -r t
    [ "$(deleted_paths | sort -u | wc -l)" = 3000 ]
    [ "$(deleted_paths | wc -l)" = 3000 ]
    [ ! -e "$root/.links/t" ]
    [ "$kills" -gt 0 ]
}
