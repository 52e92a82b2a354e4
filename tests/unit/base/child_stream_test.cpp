// Talking with a child process, and the password that it may ask for.
#include "base/askpass.hpp"
#include "base/child_stream.hpp"

#include <doctest/doctest.h>

#include <fstream>

namespace nodespool::base {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string read_to_end(ChildStream& child) {
    std::string text;
    std::string block(65536, '\0');
    while (const auto got = child.read(block)) {
        text.append(block, 0, *got);
        if (*got == 0)
            child.wait(Await::bytes, seconds{10});
    }
    return text;
}

/// What the askpass script prints when the child of this process asks @p prompt, as ssh does.
std::string answer_to(const Askpass& askpass, const std::string& prompt) {
    ChildStream asker({"sh", "-c", "\"$0\" \"$1\"; echo \"status $?\"", askpass.path(), prompt}, {});
    return read_to_end(asker);
}

} // namespace

TEST_CASE("bytes go through a child in both directions without a wait on either side") {
    ChildStream child({"cat"}, {});
    CHECK_FALSE(child.wait(Await::bytes, milliseconds{0}));
    std::string block(1 << 16, 'x');
    std::size_t sent = 0;
    while (const std::optional<std::size_t> taken = child.write(block)) {
        sent += *taken;
        if (*taken == 0 || sent > (64 << 20))
            break; // full: it copies into a pipe that nobody reads
    }
    CHECK(sent > 0);
    std::size_t got = 0;
    while (got < sent) {
        REQUIRE(child.wait(Await::bytes, seconds{10}));
        got += child.read(block).value();
    }
    CHECK(got == sent);
    CHECK(child.end(seconds{10}).is_success());
}

TEST_CASE("a child that has gone takes nothing more, and said why") {
    ChildStream child({"sh", "-c", "exec <&-; echo why >&2; exit 3"}, {});
    CHECK(read_to_end(child).empty());
    CHECK_FALSE(child.write("x"));
    CHECK(child.end(seconds{10}).exit_status == 3);
    CHECK(child.complaint() == "why\n");
}

TEST_CASE("a child that complains without end fills no memory") {
    ChildStream child({"sh", "-c", "trap '' PIPE; yes >&2; exit 0"}, {});
    CHECK(read_to_end(child).empty());
    child.end(seconds{10});
    CHECK(child.complaint().size() == 4096);
}

TEST_CASE("a child that does not end is told to, and killed where it does not listen") {
    ChildStream child({"sh", "-c", "trap '' TERM; echo up; while :; do sleep 1 <&- >&-; done"}, {});
    REQUIRE(child.wait(Await::bytes, seconds{10}));
    CHECK(child.end(milliseconds{50}).signal == 9);
}

TEST_CASE("a child has no terminal and a session of its own") {
    ChildStream child({"sh", "-c", "test \"$(ps -o sid= -p $$ | tr -d ' ')\" = $$ && echo own"}, {});
    CHECK(read_to_end(child) == "own\n");
}

TEST_CASE("a password of any characters is answered to a child that asks for one") {
    for (const std::string password : {"secret", "a'b", "'", "''", "$(id)`id`\"\\", " leading and trailing ",
                                       "-n", "%s%n\\n", "\xC3\xBC\xFF!#*?[~"}) {
        CAPTURE(password);
        const Askpass askpass(password);
        CHECK(answer_to(askpass, "ali@example.org's password: ") == password + "\nstatus 0\n");
    }
}

TEST_CASE("a question that is not for a password gets no answer") {
    const Askpass askpass("secret");
    CHECK(answer_to(askpass, "Are you sure you want to continue connecting (yes/no/[fingerprint])? ") ==
          "status 1\n");
    CHECK(answer_to(askpass, "Please type 'yes', 'no' or the fingerprint: ") == "status 1\n");
    CHECK(answer_to(askpass, "Enter passphrase for key '/home/ali/.ssh/id_ed25519': ") == "status 1\n");
}

TEST_CASE("the ssh of a jump host, a grandchild, is not told the password") {
    const Askpass askpass("secret");
    ChildStream outer(
        {"sh", "-c", "sh -c '\"$0\" password; echo \"status $?\"' \"$0\"; true", askpass.path()}, {});
    CHECK(read_to_end(outer) == "status 1\n");
}

TEST_CASE("the script is gone with its object") {
    std::string path;
    {
        const Askpass askpass("secret");
        path = askpass.path();
        CHECK(std::ifstream(path).good());
    }
    CHECK_FALSE(std::ifstream(path).good());
}

} // namespace nodespool::base
