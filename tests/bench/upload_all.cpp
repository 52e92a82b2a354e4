// An upload server without a hook: upload_all DIR SPOOL COUNT BYTES  writes COUNT files into DIR, one after
// another, and ends when the queue files in SPOOL hold so many job lines more than before.
#include "small_things.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <chrono>
#include <fstream>
#include <set>
#include <thread>

namespace {

class Spool {
  public:
    explicit Spool(std::string path) : m_path(std::move(path)) {}

    /// Queue files appear whole, under names that are used once.
    std::size_t count_new_jobs() {
        std::size_t jobs = 0;
        DIR* directory = opendir(m_path.c_str());
        if (directory == nullptr)
            bench::fail_errno(m_path);
        while (const dirent* entry = readdir(directory)) {
            const std::string name = entry->d_name;
            if (!name.starts_with('.') && name.ends_with(".q") && m_seen.insert(name).second)
                jobs += lines_of(m_path + "/" + name);
        }
        closedir(directory);
        return jobs;
    }

  private:
    static std::size_t lines_of(const std::string& path) {
        std::ifstream file(path);
        std::size_t lines = 0;
        for (std::string line; std::getline(file, line);)
            lines += !line.empty() && line[0] != '#';
        return lines;
    }

    std::string m_path;
    std::set<std::string> m_seen;
};

void write_file(const std::string& path, const std::string& content) {
    const bench::Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (file.get() < 0 ||
        write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()))
        bench::fail_errno(path);
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 5)
        bench::fail("usage: upload_all DIR SPOOL COUNT BYTES");
    Spool spool(argv[2]);
    spool.count_new_jobs();
    const auto count = static_cast<std::size_t>(std::atol(argv[3]));
    const std::string content(static_cast<std::size_t>(std::atol(argv[4])), 'x');
    for (std::size_t i = 0; i < count; ++i)
        write_file(std::string(argv[1]) + "/upload-" + std::to_string(i), content);
    for (std::size_t queued = 0; queued < count; queued += spool.count_new_jobs())
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return 0;
}
