#!/usr/bin/env bats
# Odd names, all the way: hook, queue, store, link file, list, and back into the queue.

load helpers

setup() {
    make_lab
}
teardown() { drop_lab; }

names=('blank in the name' ' leading' 'trailing ' 'two  blanks' $'tab\there' $'new\nline' $'\n' $'bell\a' $'del\x7f' 'ünïcödé' '日本語.txt' '😀'
    $'c1 \xc2\x80' $'not utf-8: \xff\xfe' $'cut off: \xe6\x97' $'surrogate: \xed\xa0\x80' $'overlong: \xc0\xaf' '100%' '%41' '%' '%zz' '%%' '#hash' 'a#b'
    'key=value' '=' "it's" 'say "hi"' '`tick`' '$HOME' '$(id)' 'a;b' 'a&b' 'a|b' '>out' 'back\slash' '(round)' '[square]' '{curly}' '*' '?'
    '!bang' '-' '-dash' '--help' '-n' '~tilde' 'a:b' 'a,b' '@at' '+' '^' 'name.q' n1 upload '# upload x 0 1 1' 'UPPER' 'upper' 'sub/.hidden' 'a b/c d/e f'
    $'d\n/f' '#d/#f' '%2F/%2f' 'k=v/k=v' 'trailing dot.' '...' 'a/...' 'sub/.links/x' 'deep/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/file'
    "$(printf 'x%.0s' {1..200})" "$(printf 'ü%.0s' {1..100})" "$(printf '%%%.0s' {1..255})" "$(printf 'd%.0s' {1..200})/$(printf 'f%.0s' {1..200})")

@test "every odd name goes through hook, store and list unharmed" {
    configure file file
    for name in "${names[@]}"; do
        printf 'content of %s' "$name" | land "$name"
    done
    # The name that begins with dots at the top is no cluster file; all others are.
    rm -f "$files/..." "$lab/original/..."
    find "$files" -type f -print0 | xargs -0 "$bin/upload-hook" -C "$root" -- 2>>"$lab/log"
    count=$((${#names[@]} - 1))
    jobs_are $count
    store
    exits 0
    everything_is_stored
    [ "$(count_logged result=stored)" = $count ]

    diff <(listed_checksums) "$lab/uploaded.sums"
    # One line a file and one object a file, both with the same paths, whatever is in the names.
    list -l -r
    exits 0
    awk 'NF != 5 || $1 != 1 { exit 1 }' <<<"$output"
    diff <(awk '{ print $2 }' <<<"$output" | sort) <(cut -d ' ' -f 2 "$lab/uploaded.sums" | sort)
    awk '{ print "replicate", $2, $3, $4 }' <<<"$output" >"$lab/replicate"
    list -r --json
    exits 0
    diff <(jq -r .path <<<"$output" | sort) <(cut -d ' ' -f 2 "$lab/uploaded.sums" | sort)
    nodespool queue add -C "$root" <"$lab/replicate"
    exits 0
    jobs_are $count '^replicate '
}

@test "no name can forge a line in a log or a job in the queue" {
    configure file
    name=$'x 0 1 1\nupload /etc/passwd 0 1 1\nresult=stored file=forged'
    echo hello | upload "$name"
    jobs_are 1
    store
    exits 0
    is_stored "$name"
    [ "$(count_logged '^[^ ]+.*result=stored')" = 1 ]
    logs_no '^(upload|result)'
}

@test "list takes raw names and prints encoded ones" {
    configure file file
    echo 1 | upload 'd/with blank'
    echo 2 | upload 'd/sub/deeper'
    echo 3 | upload top
    echo 4 | land 'waiting #1'
    store
    exits 0
    list 'd/with blank'
    exits 0
    [ "$output" = 'd/with%20blank' ]
    list "$files/d/with blank"
    [ "$output" = 'd/with%20blank' ]
    list -l top
    [ "$output" = "1 top 2 $(awk 'NR == 1 { print $4 }' "$root/.links/top") $(nodes_of top)" ]
    list -l 'waiting #1'
    [[ $output = "0 waiting%20#1 2 $(mtime_of "$files/waiting #1")"* ]]
    list -r
    [ "$(sort <<<"$output" | xargs)" = 'd/sub/deeper d/with%20blank top waiting%20#1' ]
    list -r d
    [ "$(sort <<<"$output" | xargs)" = 'd/sub/deeper d/with%20blank' ]
    list d
    [[ $output != *deeper* && $output = *with%20blank* ]]
    list nowhere
    [ "$status" != 0 ]
    [ -z "$output" ]
    [ -n "$log" ]
}

@test "list --json tells everything that a link file says" {
    configure file file
    echo hello | upload 'a b'
    echo later | land waiting
    store
    exits 0
    list --json -r
    exits 0
    stored=$(jq -c 'select(.path == "a%20b")' <<<"$output")
    [ "$(jq -r 'keys_unsorted | sort | join(",")' <<<"$stored")" = checksum,copies,mtime,nodes,owner,path,size ]
    [ "$(jq -c '[.size, .owner, .copies]' <<<"$stored")" = "[6,$(id -u),1]" ]
    [ "$(jq -r .checksum <<<"$stored")" = "sha256:$(sha256sum <"$lab/original/a b" | cut -d ' ' -f 1)" ]
    read -r _ node name < <(grep '^server ' "$root/.links/a b")
    [ "$(jq -r '.nodes[] | .node + " " + .name' <<<"$stored")" = "$node $name" ]
    [ "$(jq -c 'select(.path == "waiting") | [.copies, .nodes]' <<<"$output")" = '[0,[]]' ]
}

@test "names on a node are new each time and made of plain characters" {
    configure file file
    for i in 1 2 3; do
        echo "version $i, $(printf 'x%.0s' $(seq "$i"))" | upload 'an ödd näme %.txt'
        store
        exits 0
    done
    [ "$(held_copies | wc -l)" = 3 ]
    [ "$(held_copies | grep -cE '^n[12] [0-6][0-9]/[0-6][0-9]/[A-Za-z0-9._-]+$')" = 3 ]
    # The readable rest of a long name is cut.
    echo long | upload "$(printf 'x%.0s' {1..255})"
    store
    exits 0
    [ "$(held_copies | awk '{ n = split($2, part, "/"); if (length(part[n]) > 160) print }' | wc -l)" = 0 ]
}

@test "no link on the cluster server leads store out of the file space" {
    configure file
    mkdir "$lab/outside"
    echo secret >"$lab/outside/file"
    ln -s "$lab/outside" "$files/way-out"
    ln -s "$lab/outside/file" "$files/link"
    mkdir -p "$root/.queue"
    {
        echo "store way-out/file 7 $(mtime_of "$lab/outside/file")"
        echo "store link 7 $(mtime_of "$lab/outside/file")"
        echo "store link $(stat -c '%s %.9Y' "$files/link")"
    } >"$root/.queue/jobs.q"
    store
    [[ $status = 0 || $status = 65 ]]
    [ -z "$(held_copies)" ]
    [ "$(cat "$lab/outside/file")" = secret ]
    [ -L "$files/link" ]
    # Dropped or set aside, but not for ever in the queue.
    jobs_are 0
}

@test "a path below a file of the catalogue waits, and so does the reverse" {
    configure file
    echo file | upload x
    echo file | upload y/z
    store
    exits 0
    mkdir "$files/x"
    echo below >"$files/x/below"
    rm -r "$files/y"
    echo above >"$files/y"
    upload_hook "$files/x/below" "$files/y"
    exits 0
    store
    exits 75
    jobs_are 1 '^upload x/below .*attempts=1'
    jobs_are 1 '^upload y .*attempts=1'
    [ "$(cat "$files/x/below" "$files/y" | xargs)" = 'below above' ]
    [ "$(wc -l < <(held_copies))" = 2 ]
    nodes_and_links_agree
}
