// Deleting files and trees: what leaves the catalogue, what leaves the file space, and what stays.
#include "base/fs_observer.hpp"
#include "base/path_name.hpp"
#include "processor/file_space.hpp"
#include "support/world.hpp"
#include "upkeep/deletion.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <utility>

using namespace nodespool;
using catalog::Deleted;
using test::World;
using upkeep::DeletedFile;
using upkeep::Deletion;
using upkeep::DeletionMode;
using Local = DeletedFile::Local;

namespace fs = std::filesystem;

namespace {

/// What a deletion said, by path.
struct Said {
    std::map<std::string, DeletedFile> files;
    std::map<std::string, std::string> failures;

    upkeep::DeletionListener listener() {
        return {[this](const DeletedFile& file) { CHECK(files.emplace(file.path, file).second); },
                [this](const std::string& path, const base::Error& error) { failures[path] = error.what(); }};
    }
    bool is(const std::string& path, bool was_stored, Local local) const {
        const auto found = files.find(path);
        return found != files.end() && found->second.was_stored == was_stored && found->second.local == local;
    }
};

const upkeep::DeletionLimits k_quick{2, std::chrono::milliseconds(0)}; // batches of two

Said remove(World& world, const std::vector<std::string>& files, const std::vector<std::string>& trees = {},
            DeletionMode mode = DeletionMode::real) {
    Said said;
    Deletion deletion(world.cluster, mode, said.listener(), k_quick);
    for (const std::string& file : files)
        deletion.add(file);
    for (const std::string& tree : trees)
        deletion.add_tree(tree);
    deletion.finish();
    return said;
}

void store(World& world, const std::string& path, const std::string& content) {
    world.upload(path, content);
    world.queue("1.q", world.upload_line(path) + "\n");
    world.store();
    CHECK(world.stored(path) == content);
}

/// Paths in `.deleted/`, each as often as it is there.
std::multiset<std::string> deleted_paths(const World& world) {
    std::multiset<std::string> paths;
    const Deleted deleted = Deleted::open_existing(world.root());
    deleted.for_each([&](const std::string& name) {
        paths.insert(deleted.read(name).value().path);
        return true;
    });
    return paths;
}

std::string hidden_in_file_space(const World& world, const std::string& path) {
    const std::string parent(base::parent_of(path));
    return world.cluster.files + "/" + (parent.empty() ? "" : parent + "/") + processor::hidden_name(path);
}

} // namespace

TEST_CASE("a stored file's link moves to the deleted ones, and its empty directories go") {
    World world;
    store(world, "d/e/f", "content");
    store(world, "d/other", "stays");
    const Said said = remove(world, {"d/e/f", "d/never-was"});
    CHECK(said.files.size() == 1);
    CHECK(said.is("d/e/f", true, Local::none));
    CHECK_FALSE(world.link("d/e/f"));
    CHECK(deleted_paths(world) == std::multiset<std::string>{"d/e/f"});
    CHECK_FALSE(fs::exists(world.root() + "/.links/d/e"));
    CHECK(world.stored("d/other") == "stays");
}

TEST_CASE("a file that waits goes from the file space, alone or over a stored version") {
    World world;
    store(world, "d/both", "stored version");
    world.upload("d/both", "waiting version");
    world.upload("d/waiting", "never stored");
    const Said said = remove(world, {"d/both", "d/waiting"});
    CHECK(said.is("d/both", true, Local::removed));
    CHECK(said.is("d/waiting", false, Local::removed));
    CHECK(world.in_file_space().empty());
    CHECK(fs::exists(world.cluster.files + "/d")); // the uploaders'
    CHECK(deleted_paths(world) == std::multiset<std::string>{"d/both"});
    world.queue("2.q", "upload d/waiting 0 12 1\n");
    world.store();
    CHECK(world.jobs().empty()); // a job for it is stale
}

TEST_CASE("what somebody writes to stays, its stored version does not") {
    World world;
    store(world, "report", "stored version");
    world.upload("report", "half of a new ");
    const base::Fd writer = base::open_at(base::k_cwd, world.cluster.files + "/report", O_WRONLY);
    const Said said = remove(world, {"report"});
    CHECK(said.is("report", true, Local::being_written));
    CHECK_FALSE(world.link("report"));
    CHECK(world.in_file_space() == std::vector<std::string>{"report"});
    CHECK(remove(world, {}, {""}).is("report", false, Local::being_written));
    CHECK(world.in_file_space() == std::vector<std::string>{"report"});
}

TEST_CASE("a file that is written to while it is hidden goes back and has a job") {
    /// Appends to the hidden file at the first call of a kind after it came to be.
    class Appends final : public base::FsObserver {
      public:
        explicit Appends(std::string hidden) : m_hidden(std::move(hidden)) { base::set_fs_observer(this); }
        ~Appends() override { base::set_fs_observer(nullptr); }
        void before(base::FsCall, std::string_view) override {
            if (m_writer.is_open() || !fs::exists(m_hidden))
                return;
            m_writer = base::open_at(base::k_cwd, m_hidden, O_WRONLY | O_APPEND);
        }

      private:
        std::string m_hidden;
        base::Fd m_writer;
    };
    World world;
    world.upload("one", "1");
    world.upload("two", "22");
    const std::string hidden = hidden_in_file_space(world, "one");
    const Appends appends(hidden);
    const Said said = remove(world, {"one", "two"});
    CHECK(said.is("one", false, Local::being_written));
    CHECK(said.is("two", false, Local::removed));
    CHECK(world.in_file_space() == std::vector<std::string>{"one"});
    REQUIRE(world.jobs().size() == 1);
    CHECK(world.jobs().front().starts_with("upload one "));
}

TEST_CASE("a hidden file that a store at work puts back goes all the same, unless it is written to") {
    /// Puts the hidden file back at the first call of a kind after it came to be.
    class PutsBack final : public base::FsObserver {
      public:
        PutsBack(std::string hidden, std::string file, std::string more)
            : m_hidden(std::move(hidden)),
              m_file(std::move(file)),
              m_more(std::move(more)) {
            base::set_fs_observer(this);
        }
        ~PutsBack() override { base::set_fs_observer(nullptr); }
        void before(base::FsCall, std::string_view) override {
            if (m_file.empty() || !fs::exists(m_hidden))
                return;
            fs::rename(m_hidden, m_file);
            std::ofstream(std::exchange(m_file, {}), std::ios::app) << m_more;
        }

      private:
        std::string m_hidden;
        std::string m_file; ///< empty: it is done
        std::string m_more;
    };
    World world;
    world.upload("one", "1");
    world.upload("two", "22");
    std::string more;
    SUBCASE("as it was") {}
    SUBCASE("written to") {
        more = "more";
    }
    const PutsBack puts_back(hidden_in_file_space(world, "one"), world.cluster.files + "/one", more);
    const Said said = remove(world, {"one", "two"});
    CHECK(said.is("one", false, more.empty() ? Local::removed : Local::being_written));
    CHECK(said.is("two", false, Local::removed));
    CHECK(world.in_file_space() ==
          (more.empty() ? std::vector<std::string>{} : std::vector<std::string>{"one"}));
}

TEST_CASE("the hidden file that a run of store left goes too, whatever else there is of its path") {
    World world;
    store(world, "stored", "content");
    for (const std::string path : {"stored", "alone", "d/in-tree"})
        test::write_file(hidden_in_file_space(world, path), "left");
    CHECK(Deletion(world.cluster, DeletionMode::dry_run, {}).look("alone").file);
    Said said = remove(world, {"stored", "alone"});
    CHECK(said.is("stored", true, Local::removed));
    CHECK(said.is("alone", false, Local::removed));
    CHECK(world.in_file_space().size() == 1);
    said = remove(world, {}, {"d"});
    CHECK(said.is("d/" + processor::hidden_name("d/in-tree"), false, Local::removed));
    CHECK(world.in_file_space().empty());
}

TEST_CASE("a hidden file that is written to goes back to its name") {
    World world;
    store(world, "report", "content");
    test::write_file(hidden_in_file_space(world, "report"), "late");
    const base::Fd writer =
        base::open_at(base::k_cwd, hidden_in_file_space(world, "report"), O_WRONLY | O_APPEND);
    CHECK(remove(world, {"report"}).is("report", true, Local::being_written));
    CHECK(world.in_file_space() == std::vector<std::string>{"report"});
    CHECK(world.jobs().size() == 1);
}

TEST_CASE("a tree goes on both sides, and nothing beside it") {
    World world;
    for (const char* path : {"t/a", "t/b/c", "t/b/d", "tt/x"})
        store(world, path, path);
    world.upload("t/b/c", "waits in a new version");
    world.upload("t/b/n/new", "waits");
    world.upload("tt/y", "stays");
    fs::create_directories(world.root() + "/.links/t/empty/er");
    fs::create_symlink(world.cluster.files + "/tt", world.cluster.files + "/t/planted");
    const Said said = remove(world, {}, {"t"});
    CHECK(said.files.size() == 4);
    CHECK(said.is("t/a", true, Local::none));
    CHECK(said.is("t/b/c", true, Local::removed));
    CHECK(said.is("t/b/d", true, Local::none));
    CHECK(said.is("t/b/n/new", false, Local::removed));
    CHECK_FALSE(fs::exists(world.root() + "/.links/t"));
    CHECK(world.in_file_space() == std::vector<std::string>{"tt/y"});
    CHECK(world.stored("tt/x") == "tt/x");
    CHECK(deleted_paths(world) == std::multiset<std::string>{"t/a", "t/b/c", "t/b/d"});
}

TEST_CASE("the top goes whole, but not the cluster's own directories in the file space") {
    World world;
    world.cluster.files = world.root(); // the file space is the root itself, as without `files`
    fs::remove_all(world.root() + "/files");
    fs::remove_all(world.root() + "/n1");
    fs::remove_all(world.root() + "/n2");
    test::write_file(world.root() + "/.cluster.conf", "");
    test::write_file(world.root() + "/.queue/1.q", "# a comment\n");
    test::write_file(world.root() + "/.links/a/b", "a/b 1 0 1\n");
    world.upload("up/load", "x");
    const Said said = remove(world, {}, {""});
    CHECK(said.files.size() == 2);
    CHECK(said.is("a/b", true, Local::none));
    CHECK(said.is("up/load", false, Local::removed));
    CHECK(fs::exists(world.root() + "/.cluster.conf"));
    CHECK(fs::exists(world.root() + "/.queue/1.q"));
    CHECK(deleted_paths(world).size() == 1);
}

TEST_CASE("a link file that cannot be read stays, and its file with it") {
    World world;
    test::write_file(world.root() + "/.links/bad", "nonsense\n");
    world.upload("bad", "waits");
    world.upload("good", "waits");
    const Said said = remove(world, {"bad", "good"});
    CHECK(said.failures.at("bad").find(".links/bad:1: found") != std::string::npos);
    CHECK(said.files.size() == 1);
    CHECK(world.in_file_space() == std::vector<std::string>{"bad"});
    CHECK(fs::exists(world.root() + "/.links/bad"));
}

TEST_CASE("a dry run says the same and changes nothing, not even directories") {
    World world;
    CHECK(remove(world, {"x"}, {""}, DeletionMode::dry_run).files.empty());
    CHECK_FALSE(fs::exists(world.root() + "/.links"));
    CHECK_FALSE(fs::exists(world.root() + "/.queue"));
    store(world, "t/stored", "1");
    store(world, "t/both", "2");
    world.upload("t/both", "waits");
    world.upload("t/waiting", "waits");
    const Said said = remove(world, {}, {"t"}, DeletionMode::dry_run);
    CHECK(said.files.size() == 3);
    CHECK(said.is("t/stored", true, Local::none));
    CHECK(said.is("t/both", true, Local::removed));
    CHECK(said.is("t/waiting", false, Local::removed));
    CHECK(world.in_file_space().size() == 2);
    CHECK(world.link("t/stored"));
    CHECK_FALSE(fs::exists(world.root() + "/.deleted"));
}

TEST_CASE("look tells files from directories, on both sides") {
    World world;
    store(world, "d/stored", "1");
    world.upload("w/waiting", "2");
    fs::create_symlink("/etc/passwd", world.cluster.files + "/planted");
    const Deletion deletion(world.cluster, DeletionMode::dry_run, {});
    CHECK(deletion.look("d/stored").file);
    CHECK_FALSE(deletion.look("d/stored").directory);
    CHECK(deletion.look("d").directory);
    CHECK_FALSE(deletion.look("d").file);
    CHECK(deletion.look("w").directory);
    CHECK(deletion.look("w/waiting").file);
    for (const char* nothing : {"planted", "none", "d/stored/below"}) {
        CHECK_FALSE(deletion.look(nothing).file);
        CHECK_FALSE(deletion.look(nothing).directory);
    }
}
