#!/usr/bin/env bats
# The whole cluster: a year, told in year.bash.

load helpers

@test "a year in the life of a cluster" {
    need_servers
    "$e2e_dir/year.bash"
}
