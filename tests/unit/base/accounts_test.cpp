// Users and groups by name.
#include "base/accounts.hpp"
#include "base/file_system.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>

using namespace nodespool;

TEST_CASE("a user has a name, or a number that says so") {
    CHECK(base::user_name(0) == "root");
    CHECK(base::user_name(3999999999U) == "uid 3999999999");
}

TEST_CASE("a file is given to a group that exists, and stays as it is where there is none") {
    const test::TempDir directory;
    const base::Fd file = base::open_at(base::k_cwd, directory.path() + "/f", O_WRONLY | O_CREAT, 0600);
    const auto group = [&] { return base::status_of(file.get(), "f").gid; };
    const gid_t before = group();
    base::give_to_group(file.get(), "no-such-group-anywhere");
    CHECK(group() == before);
    if (base::effective_user() != 0)
        return; // only root may give to any group
    const struct group* const daemon = ::getgrnam("daemon");
    REQUIRE(daemon != nullptr);
    base::give_to_group(file.get(), "daemon");
    CHECK(group() == daemon->gr_gid);
}
