// The sending log: what it names at every moment, how large it gets, and who settles it.
#include "base/file_system.hpp"
#include "base/staged_file.hpp"
#include "processor/sending_log.hpp"
#include "support/fault.hpp"
#include "support/temp_dir.hpp"
#include "support/world.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using namespace nodespool;
using processor::AbandonedLog;
using processor::Sending;
using processor::SendingLog;
using test::World;

namespace {

constexpr std::uintmax_t k_large_bytes = 1U << 20U;
/// 35 of these lines make a log large.
const std::string k_long_path(30000, 'x');
/// One does. The line is longer than any that is read, but it is settled before anybody needs to.
const std::string k_huge_path(k_large_bytes, 'x');

using Names = std::set<std::string>;

/// What a program that looks without a lock finds.
Names named_in(const std::string& root) {
    Names names;
    CHECK(processor::for_each_open_sending(root,
                                           [&](const Sending& sending) { names.insert(sending.name); }) == 0);
    return names;
}

bool has_all(const Names& names, const Names& wanted) {
    return std::includes(names.begin(), names.end(), wanted.begin(), wanted.end());
}

std::vector<std::string> state_files(const std::string& root) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(root + "/.state"))
        names.push_back(entry.path().filename());
    return names;
}

std::uintmax_t size_of_the_log(const std::string& root) {
    const auto names = state_files(root);
    REQUIRE(names.size() == 1);
    return fs::file_size(root + "/.state/" + names.front());
}

SendingLog::Entry note(SendingLog& log, const std::string& name, const std::string& path = "f") {
    return log.note({"n1", name, path, 1, {}});
}

/// As much as makes a log so large that the next entry begins it anew.
void send_much(SendingLog& log) {
    log.settle(note(log, "sent", k_huge_path));
}

/// Before each call that changes something, looks at the log as another process would.
class Onlooker final : public base::FsObserver {
  public:
    Onlooker(std::string root, Names open) : m_root(std::move(root)), m_open(std::move(open)) {
        base::set_fs_observer(this);
    }
    ~Onlooker() override { base::set_fs_observer(nullptr); }
    void before(base::FsCall call, std::string_view path) override {
        if (path.ends_with(".tmp") && (call == base::FsCall::write || call == base::FsCall::sync))
            m_is_on_disk = call == base::FsCall::sync;
        if (call == base::FsCall::rename) {
            ++m_seen_renames;
            m_always_on_disk = m_always_on_disk && m_is_on_disk;
        }
        m_always_all = m_always_all && has_all(named_in(m_root), m_open);
        m_never_abandoned = m_never_abandoned && AbandonedLog::find(m_root).empty();
    }
    [[nodiscard]] int seen_renames() const { return m_seen_renames; }
    /// What a rename brings: else a power cut could leave the name without the content.
    [[nodiscard]] bool was_always_on_disk() const { return m_always_on_disk; }
    [[nodiscard]] bool has_always_seen_all() const { return m_always_all; }
    [[nodiscard]] bool has_never_seen_it_abandoned() const { return m_never_abandoned; }

  private:
    std::string m_root;
    Names m_open;
    int m_seen_renames = 0;
    bool m_is_on_disk = false;
    bool m_always_on_disk = true;
    bool m_always_all = true;
    bool m_never_abandoned = true;
};

/// Fails the removal of one file.
class Undeletable final : public base::FsObserver {
  public:
    explicit Undeletable(std::string name) : m_name(std::move(name)) { base::set_fs_observer(this); }
    ~Undeletable() override { base::set_fs_observer(nullptr); }
    void before(base::FsCall call, std::string_view path) override {
        if (call == base::FsCall::unlink && path.ends_with(m_name))
            throw base::SystemError("remove " + std::string(path), EIO);
    }

  private:
    std::string m_name;
};

} // namespace

TEST_CASE("a sending log stays small while a file is always under way") {
    const test::TempDir root;
    SendingLog log(root.path(), base::system_clock());
    auto under_way = note(log, "first", k_long_path);
    for (int i = 0; i < 100; ++i) {
        const auto next = note(log, "next" + std::to_string(i), k_long_path);
        log.settle(under_way);
        under_way = next;
    }
    CHECK(size_of_the_log(root.path()) < k_large_bytes + 2 * k_long_path.size());
    CHECK(named_in(root.path()) == Names{"next99"});
}

TEST_CASE("entries of a sending log that was begun anew are settled one by one") {
    const test::TempDir root;
    SendingLog log(root.path(), base::system_clock());
    const auto first = note(log, "first");
    send_much(log);
    const auto second = note(log, "second");
    send_much(log);
    const auto third = note(log, "third");
    CHECK(size_of_the_log(root.path()) < 100);
    CHECK(named_in(root.path()) == Names{"first", "second", "third"});
    CHECK(log.open_entries().size() == 3);
    log.settle(second);
    CHECK(named_in(root.path()) == Names{"first", "third"});
    send_much(log);
    const auto fourth = note(log, "fourth");
    log.settle(second);
    CHECK(named_in(root.path()) == Names{"first", "third", "fourth"});
    for (const auto entry : {third, fourth, first})
        log.settle(entry);
    CHECK(named_in(root.path()).empty());
}

TEST_CASE("a sending log in which much is open grows to twice that, and no more") {
    const test::TempDir root;
    SendingLog log(root.path(), base::system_clock());
    for (int i = 0; i < 50; ++i)
        note(log, "open" + std::to_string(i), k_long_path);
    const std::uintmax_t open_bytes = size_of_the_log(root.path());
    CHECK(open_bytes > k_large_bytes);
    for (int i = 0; i < 200; ++i)
        log.settle(note(log, "sent", k_long_path));
    CHECK(size_of_the_log(root.path()) < 2 * open_bytes + 2 * k_long_path.size());
    CHECK(named_in(root.path()).size() == 50);
}

TEST_CASE("whoever looks while a sending log is begun anew finds every open entry, and its owner alive") {
    const test::TempDir root;
    SendingLog log(root.path(), base::system_clock());
    note(log, "one");
    note(log, "two");
    const Onlooker onlooker(root.path(), {"one", "two"});
    for (int i = 0; i < 3; ++i)
        send_much(log);
    CHECK(onlooker.seen_renames() >= 2);
    CHECK(onlooker.was_always_on_disk());
    CHECK(onlooker.has_always_seen_all());
    CHECK(onlooker.has_never_seen_it_abandoned());
}

TEST_CASE("a process killed at any call leaves one sending log, with every open entry") {
    for (int call = 1;; ++call) {
        const test::TempDir root;
        const auto ended = test::run_dying_at(call, [&] {
            SendingLog log(root.path(), base::system_clock());
            note(log, "one");
            note(log, "two");
            test::write_file(root / "noted", "");
            for (int i = 0; i < 3; ++i)
                send_much(log);
            ::_exit(0); // as a killed process: nothing is removed
        });
        CAPTURE(call);
        if (fs::exists(root / "noted")) {
            std::vector<AbandonedLog> logs = AbandonedLog::find(root.path());
            REQUIRE(logs.size() == 1);
            Names names;
            for (const Sending& sending : logs.front().open_entries())
                names.insert(sending.name);
            CHECK(has_all(names, {"one", "two"}));
            CHECK(names == named_in(root.path()));
            logs.front().remove();
            // What is left is a temporary, which goes as others do.
            base::clear_abandoned(base::open_directory(root / ".state").get(), root / ".state");
            CHECK(state_files(root.path()).empty());
        }
        if (ended == test::Ended::normally)
            break;
    }
}

TEST_CASE("a sending log that cannot be begun anew goes on as it is") {
    int failed = 0;
    for (int call = 1;; ++call) {
        const test::TempDir root;
        SendingLog log(root.path(), base::system_clock());
        note(log, "one");
        send_much(log);
        std::optional<SendingLog::Entry> noted; // the call that is due to begin it anew
        bool was_reached = false;
        {
            const test::FaultAt fault(test::Fault::fails, call);
            try {
                noted = note(log, "two");
            } catch (const base::SystemError&) {
                ++failed; // its own line could not be written
            }
            was_reached = fault.was_reached();
        }
        CAPTURE(call);
        CHECK(named_in(root.path()) == (noted ? Names{"one", "two"} : Names{"one"}));
        CHECK(AbandonedLog::find(root.path()).empty());
        send_much(log);
        send_much(log);
        note(log, "three");
        CHECK(has_all(named_in(root.path()), {"one", "three"}));
        CHECK(AbandonedLog::find(root.path()).empty());
        if (!was_reached)
            break;
        CHECK(call < 10);
    }
    CHECK(failed <= 2);
}

TEST_CASE("a sending log of any size is settled") {
    World world;
    world.upload("a", "kept");
    world.queue("1.q", world.upload_line("a") + "\n");
    world.store();
    test::write_file(world.root() + "/n1/07/08/torn", "half");
    const std::string log = world.root() + "/.state/sending-h-1-x.log";
    test::write_file(log, "#1 1/2/settled c 1 1.0\n");
    fs::resize_file(log, 257U << 20U); // a line that is longer than any, without a block on the disk
    std::ofstream(log, std::ios::app) << "\nn1 07/08/torn b 10 1.000000000\n";
    CHECK_FALSE(world.store().io_error);
    CHECK_FALSE(fs::exists(world.root() + "/n1/07/08/torn"));
    CHECK(world.temporaries().empty());
}

TEST_CASE("a sending log that cannot be settled keeps no other from it, and the run tells") {
    World world;
    const std::string state = world.root() + "/.state/";
    for (const std::string name : {"a", "b", "c"}) {
        test::write_file(world.root() + "/n1/07/08/" + name, "half");
        test::write_file(state + "sending-h-" + name + "-x.log", "n1 07/08/" + name + " f 10 1.000000000\n");
    }
    {
        const Undeletable undeletable("sending-h-b-x.log");
        CHECK(world.store().io_error);
    }
    CHECK(world.on_node("n1").empty());
    CHECK(world.temporaries() == std::vector<std::string>{"sending-h-b-x.log"});
    CHECK_FALSE(world.store().io_error);
    CHECK(world.temporaries().empty());
}
