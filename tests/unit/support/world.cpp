// The small cluster.
#include "support/world.hpp"

#include "base/file_system.hpp"
#include "processor/remove_work.hpp"
#include "processor/replicate_work.hpp"
#include "processor/store_work.hpp"
#include "queue/survey.hpp"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <stdexcept>

namespace nodespool::test {

namespace fs = std::filesystem;

World::World() {
    cluster.root = m_dir.path();
    cluster.files = m_dir / "files";
    cluster.quiet = std::chrono::seconds(0);
    fs::create_directory(cluster.files);
    for (const char* name : {"n1", "n2"})
        add_node(name);
}

void World::add_node(const std::string& name) {
    fs::create_directory(m_dir / name);
    node::NodeConfig config;
    config.name = name;
    node::parse_node_url("file://" + (m_dir / name), config);
    cluster.nodes.push_back(config);
}

base::FileStatus World::upload(const std::string& path, const std::string& content,
                               std::optional<base::Timestamp> mtime) {
    const std::string full = cluster.files + "/" + path;
    write_file(full, content);
    const base::Fd fd = base::open_at(base::k_cwd, full, O_RDONLY);
    if (mtime)
        set_mtime(full, *mtime);
    return base::status_of(fd.get(), full);
}

std::string World::upload_line(const std::string& path) {
    const auto status = base::status_at(base::k_cwd, cluster.files + "/" + path);
    return queue::format_job(queue::upload_job(path, status.value().uid, status->size_bytes, status->mtime));
}

void World::queue(const std::string& name, const std::string& text) {
    write_file(root() + "/.queue/" + name, text);
}

processor::Summary World::run(processor::Work& work, const queue::Spool& spool, base::StopSignal& stop,
                              const std::function<void(processor::RunOptions&)>& change) const {
    processor::RunOptions options;
    options.lanes = 2;
    options.second_look = std::chrono::milliseconds(0);
    if (change)
        change(options);
    processor::Processor processor(cluster, spool, work, stop, options);
    return processor.run();
}

processor::Summary World::store(const std::function<void(processor::RunOptions&)>& change) {
    base::StopSignal stop;
    const queue::Spool spool(root(), base::system_clock());
    const catalog::Catalog catalog(root());
    processor::StoreWork work(cluster, spool, catalog, std::nullopt, [&] { return stop.state(); });
    return run(work, spool, stop, change);
}

processor::Summary World::replicate(const std::function<void(processor::RunOptions&)>& change) {
    base::StopSignal stop;
    const queue::Spool spool(root(), base::system_clock());
    const catalog::Catalog catalog(root());
    processor::ReplicateWork work(cluster, spool, catalog, std::nullopt, [&] { return stop.state(); });
    return run(work, spool, stop, change);
}

processor::Summary World::remove(const std::function<void(processor::RunOptions&)>& change) {
    base::StopSignal stop;
    const queue::Spool spool(root(), base::system_clock());
    const catalog::Catalog catalog(root());
    processor::RemoveWork work(cluster, spool, catalog);
    return run(work, spool, stop, change);
}

catalog::Link World::put(const std::string& path, const std::string& content) {
    upload(path, content);
    queue("put.q", upload_line(path) + "\n");
    store();
    return link(path).value();
}

std::string World::replicate_line(const std::string& path, const std::string& rest) const {
    const catalog::Link record = link(path).value();
    queue::JobRecord job;
    job.keyword = queue::Keyword::replicate;
    job.path = path;
    job.size_bytes = record.size_bytes;
    job.mtime = record.mtime;
    return queue::format_job(job) + (rest.empty() ? "" : " " + rest);
}

std::string World::copy_path(const catalog::Copy& copy) const {
    return m_dir / copy.node + "/" + copy.name;
}

std::optional<catalog::Link> World::link(const std::string& path) const {
    return catalog::Catalog::open_existing(root()).read(path);
}

std::map<std::string, std::string> World::on_node(const std::string& node) const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(m_dir / node))
        if (entry.is_regular_file())
            files[fs::relative(entry.path(), m_dir / node).string()] = read_file(entry.path().string());
    return files;
}

std::vector<std::string> World::in_file_space() const {
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(cluster.files))
        if (entry.is_regular_file())
            files.push_back(fs::relative(entry.path(), cluster.files).string());
    std::sort(files.begin(), files.end());
    return files;
}

std::vector<std::string> World::jobs() const {
    std::vector<std::string> lines;
    const auto spool = queue::Spool::open_existing(root(), base::system_clock());
    queue::survey(spool, [&](const queue::SurveyedJob& seen) {
        if (!seen.queue_file.starts_with("rejected/") && !seen.queue_file.starts_with("held/"))
            lines.push_back(seen.text);
    });
    return lines;
}

std::string World::rejected() const {
    std::string text;
    for (const auto& name : queue::Spool::open_existing(root(), base::system_clock()).rejected_files())
        text += read_file(root() + "/.queue/rejected/" + name);
    return text;
}

std::vector<std::string> World::temporaries() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(root())) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with(".tmp") && entry.is_regular_file())
            names.push_back(name);
        if (name.ends_with(".done") || name.starts_with("sending-"))
            names.push_back(name);
    }
    return names;
}

std::string World::stored(const std::string& path) const {
    const auto record = link(path);
    if (!record)
        throw std::runtime_error(path + " has no link file");
    if (record->servers.size() != 1 || !record->gone.empty())
        throw std::runtime_error(path + " has not exactly one copy");
    const std::string content = on_node(record->servers.front().node).at(record->servers.front().name);
    if (content.size() != record->size_bytes)
        throw std::runtime_error(path + " has another size than its link file says");
    return content;
}

std::vector<std::string> World::unrecorded() const {
    std::set<std::string> known;
    for (const auto& entry : fs::recursive_directory_iterator(root() + "/.links"))
        if (entry.is_regular_file() && entry.path().string().find("/.links/.") == std::string::npos)
            if (const auto record = link(fs::relative(entry.path(), root() + "/.links").string()))
                for (const auto& copy : record->servers)
                    known.insert(copy.node + ":" + copy.name);
    for (const std::string& line : jobs()) {
        const auto job = queue::parse_job(line, {}, nullptr);
        if (job.keyword == queue::Keyword::remove)
            known.insert(job.node + ":" + job.path);
    }
    std::vector<std::string> orphans;
    for (const auto& node : cluster.nodes)
        for (const auto& [name, content] : on_node(node.name))
            if (!known.contains(node.name + ":" + name))
                orphans.push_back(node.name + ":" + name);
    return orphans;
}

} // namespace nodespool::test
