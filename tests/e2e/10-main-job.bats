#!/usr/bin/env bats
# The main job on real servers: what an FTP client uploads ends on a node, recorded, with the upload area clean.

load helpers

setup() {
    need_servers
    make_lab
}
teardown() { drop_lab; }

@test "a file uploaded with curl ends on a node, is recorded, and the upload area is clean" {
    configure ftp ftp
    start_upload_server
    head -c 100000 /dev/urandom >"$lab/original/rfc-0959.txt"
    curl -sS -T "$lab/original/rfc-0959.txt" "$upload_url"
    hooks_succeeded 1
    mtime=$(mtime_of "$files/rfc-0959.txt")
    jobs_are 1 "^upload rfc-0959.txt $(id -u "$servers_user") 100000 $mtime"

    store
    exits 0
    is_stored rfc-0959.txt
    everything_is_stored
    link=$root/.links/rfc-0959.txt
    [ "$(head -n 1 "$link")" = "rfc-0959.txt 100000 $(id -u "$servers_user") $mtime" ]
    grep -qx "checksum sha256:$(sha256sum <"$lab/original/rfc-0959.txt" | cut -d ' ' -f 1)" "$link"
    grep -qxE 'server n[12] [0-6][0-9]/[0-6][0-9]/[0-9]+-[0-9]+-[0-9a-f]+-rfc-0959\.txt' "$link"
    grep -qx 'copies 1' "$link"
    logs 'result=stored' 'file=rfc-0959.txt' 'node=n[12]' 'bytes=100000' 'seconds=[0-9.]+' 'job=[^ ]+\.q:1'
}

# Names that FTP clients and servers let through, and names that have to be put in place by hand.
odd_names=('blank in the name' 'two  blanks' 'ünïcödé' '日本語.txt' '😀' '100%' '%41' '%' '%zz' '#hash' 'a#b' 'key=value' '=' "it's"
    'say "hi"' '`tick`' '$HOME' 'a;b' 'a&b' 'a|b' '(round)' '[square]' '{curly}' '*' '?' '!bang' '-dash' '--help' 'a:b' 'a,b' '@at'
    'name.q' n1 upload 'UPPER' 'upper' 'a/.hidden' 'a b/c d/e f' '#d/#f' '%2F/%2f' 'k=v/k=v'
    'deep/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/file' "$(printf 'x%.0s' {1..200})"
    "$(printf 'd%.0s' {1..200})/$(printf 'f%.0s' {1..200})")
names_by_hand=($'new\nline' $'tab\there' $'bell\a' $'not utf-8: \xff\xfe' $'c1 \xc2\x80' ' leading' 'trailing ' 'back\slash' '~tilde' $'d\n/f')

# COUNT files of mixed sizes, 0 bytes to 64 MiB, in DIR: the odd names first, then plain ones in directories.
make_mixed_files() { # DIR COUNT
    printf '%s\0' "${odd_names[@]}" | perl -0 -e '
        use strict; use warnings; use File::Path "make_path"; use File::Basename "dirname";
        my ($dir, $count) = @ARGV;
        srand 7;
        my @names = <STDIN>;
        chomp @names;
        push @names, sprintf "plain/%02d/file-%04d.dat", $_ % 17, $_ for @names .. $count - 1;
        my @large = map { $_ << 20 } 64, 32, 16, 8, 8;
        open my $random, "<:raw", "/dev/urandom" or die;
        read $random, my $block, 1 << 20;
        my $i = 0;
        for my $name (@names) {
            my $size = $i % 40 == 3 ? 0 : $i >= $count - @large ? $large[$count - 1 - $i]
                : int exp(log(6000) + 1.7 * sqrt(-2 * log(1 - rand)) * cos(6.283185 * rand));
            make_path(dirname("$dir/$name"));
            open my $out, ">:raw", "$dir/$name" or die "$name: $!";
            my $unique = sprintf "%08d of %08d\n", $i++, $size;
            print $out substr($unique, 0, $size);
            for (my $left = $size - length $unique; $left > 0; $left -= length $block) {
                print $out substr($block, 0, $left);
            }
            close $out or die;
        }' "$1" "$2"
}

store_a_thousand_mixed_files() { # [STORE-ARG...]
    local name
    configure ftp ftp
    start_upload_server
    make_mixed_files "$lab/original" $((1000 - ${#names_by_hand[@]}))
    mirror_up
    hooks_succeeded $((1000 - ${#names_by_hand[@]}))
    for name in "${names_by_hand[@]}"; do
        echo "content of $name" | upload "$name"
    done
    [ "$(find "$lab/original" -type f -printf x | wc -c)" = 1000 ]
    jobs_are 1000 '^upload '

    store "$@"
    exits 0
    everything_is_stored
    the_nodes_are_even_within 1
    [ "$(count_logged result=stored)" = 1000 ]

    diff <(listed_checksums) "$lab/uploaded.sums"
    list -l -r
    exits 0
    [ "$(wc -l <<<"$output")" = 1000 ]
    [ "$(awk '$1 == 1 && NF == 5' <<<"$output" | wc -l)" = 1000 ]
    diff <(awk '{ print $2 }' <<<"$output" | sort) <(cut -d ' ' -f 2 "$lab/uploaded.sums" | sort)
}

@test "1,000 mixed files with odd names, uploaded by lftp, are all on the nodes, one transfer at a time" {
    store_a_thousand_mixed_files -j 1
}

@test "1,000 mixed files with odd names, uploaded by lftp, are all on the nodes, eight transfers at a time" {
    store_a_thousand_mixed_files -j 8
}

@test "a client that sets the file's time after the upload strands nothing" {
    configure ftp ftp
    start_upload_server
    for i in {1..30}; do
        echo "$i" >"$lab/original/old-$i"
        touch -d "2001-02-03 04:05:$i UTC" "$lab/original/old-$i"
    done
    mirror_up
    hooks_succeeded 30
    [ "$(mtime_of "$files/old-7")" = "$(date -d '2001-02-03 04:05:07 UTC' +%s).000000000" ]
    store
    exits 0
    everything_is_stored

    # The worst case: the hook had seen the time of the upload.
    echo late | upload late
    touch -d '2002-03-04 05:06:07 UTC' "$files/late"
    store
    exits 0
    is_stored late
    [ "$(awk 'NR == 1 { print $4 }' "$root/.links/late")" = "$(date -d '2002-03-04 05:06:07 UTC' +%s).000000000" ]
}

@test "a name uploaded twice before store runs has one copy of the last version, and one stale job is logged" {
    configure ftp ftp
    start_upload_server
    echo 'the first version' >"$lab/original/report"
    curl -sS -T "$lab/original/report" "$upload_url"
    hooks_succeeded 1
    echo 'the second version, longer' >"$lab/original/report"
    curl -sS -T "$lab/original/report" "$upload_url"
    hooks_succeeded 2
    jobs_are 2 '^upload report '
    store
    exits 0
    everything_is_stored
    [ "$(count_logged result=stale)" = 1 ]
    [ "$(count_logged result=stored)" = 1 ]
}

@test "a name uploaded again after store ran is stored anew, and a remove job for the old copy is queued" {
    configure ftp ftp
    echo 'the first version' | upload report
    store
    exits 0
    read -r _ node name < <(grep '^server ' "$root/.links/report")
    echo 'the second version, longer' | upload report
    store
    exits 0
    is_stored report
    logs result=stored file=report
    [ "$(wc -l < <(nodes_of report))" = 1 ]
    not grep -qF "$name" "$root/.links/report"
    jobs_are 1
    jobs_are 1 "^remove $node $name 18 (.* )?path=report( |$)"
    [ -e "$lab/$node/root/$name" ]
    # No later run of store does anything with that job.
    store
    exits 0
    jobs_are 1 "^remove $node $name 18 "
}

@test "files go to the nodes in turn, and the next run goes on where the last one stopped" {
    configure ftp ftp
    for i in {1..7}; do
        echo "$i" | upload "file$i"
        store
        exits 0
    done
    the_nodes_are_even_within 1
    everything_is_stored
}

@test "a node of weight 3 gets three times as many files" {
    node_lines='weight = 1'
    configure file file
    sed -i '/^\[node.n2\]/,$ s/^weight.*/weight = 3/' "$root/.cluster.conf"
    upload_many w 40
    store
    exits 0
    [ "$(nodes_of_all | grep -cx n1)" = 10 ]
    [ "$(nodes_of_all | grep -cx n2)" = 30 ]
    everything_is_stored
}
nodes_of_all() { recorded_copies | awk '{ print $1 }'; }

@test "a node gets no more connections than configured, and each is used for many files" {
    node_lines='connections = 2'
    configure ftp ftp
    upload_many f 200
    before=$(grep -hc 'CONNECT:' "$lab/n1/vsftpd.log")
    store -j 8
    exits 0
    everything_is_stored
    for node in n1 n2; do
        [ $(($(grep -c 'CONNECT:' "$lab/$node/vsftpd.log") - before)) -le 2 ]
    done
}

@test "the checksum in the link file is of the configured kind" {
    for kind in none xxh3 sha256; do
        cluster_lines="checksum = $kind"
        configure file
        echo hello | upload "$kind"
        store
        exits 0
        is_stored "$kind"
    done
    [ "$(grep -h '^checksum ' "$root/.links/sha256")" = "checksum sha256:$(echo hello | sha256sum | cut -d ' ' -f 1)" ]
    grep -qE '^checksum xxh3:[0-9a-f]+$' "$root/.links/xxh3"
    not grep -q '^checksum' "$root/.links/none"
}

@test "release-at-copies = 2 keeps the local file until a second copy is there" {
    cluster_lines='release-at-copies = 2'
    configure file file
    echo hello | upload file
    store
    exits 0
    cmp "$files/file" "$lab/original/file"
    cmp "$(copies_of file)" "$lab/original/file"
    list -l
    [[ $output = '1 file 6 '* ]]
}

@test "store --follow does jobs as they come, until it is told to stop" {
    configure file file
    start_store follow --follow
    for i in 1 2 3; do
        echo "$i" | upload "file$i"
        wait_for 10 test -e "$root/.links/file$i"
    done
    kill -TERM "$pid"
    finish_store follow "$pid"
    exits 0
    store
    everything_is_stored
}

@test "the log goes to a file where the configuration says so" {
    cluster_lines="log = $lab/nodespool.log"
    configure file
    echo hello | upload 'a file'
    store
    exits 0
    [ -z "$log" ]
    grep -E 'result=stored' "$lab/nodespool.log" | grep 'file=a%20file' | grep -E 'job=[^ ]+\.q:1'
}

@test "nodespool NAME runs the program NAME" {
    configure file
    echo hello | land file
    nodespool nodespool upload-hook -C "$root" "$files/file"
    exits 0
    nodespool nodespool -C "$root" store
    exits 0
    is_stored file
    nodespool nodespool -C "$root" queue status --json
    exits 0
    nodespool nodespool list -C "$root" --no-such-option
    exits 64
    nodespool nodespool frobnicate
    exits 64
    nodespool nodespool --version
    exits 0
    [[ $output = 'nodespool '[0-9]* ]]
}

@test "no password of a node is logged or shown" {
    configure ftp ftp
    password=$(<"$servers_home/password")
    echo secret | upload file
    store -v
    exits 0
    queue status
    list --json -r
    [[ $output = *'"file"'* ]]
    stop_server "$lab/n1"
    sed -i "s/:$password@/:wrong$password@/" "$root/.cluster.conf"
    echo secret | upload other
    store -v
    exits 75
    not grep -raF "$password" "$lab/log" "$root/.queue" "$root/.links" "$root/.state"
}
