// The least that a durable submission can cost: bare_submit SPOOL FILE  syncs the uploaded FILE and its
// directory, then publishes one job file in SPOOL: write, fsync, rename, fsync of the directory.
#include "small_things.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <ctime>

namespace {

bench::Fd opened(const std::string& path, int flags) {
    bench::Fd fd(open(path.c_str(), flags | O_CLOEXEC, 0660));
    if (fd.get() < 0)
        bench::fail_errno(path);
    return fd;
}

void sync(const bench::Fd& fd, const std::string& path) {
    if (fsync(fd.get()) != 0)
        bench::fail_errno("fsync " + path);
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 3)
        bench::fail("usage: bare_submit SPOOL FILE");
    const std::string spool = argv[1];
    const std::string file = argv[2];
    const std::string file_directory = file.substr(0, file.rfind('/'));

    const bench::Fd upload = opened(file, O_RDONLY);
    struct stat status {};
    if (fstat(upload.get(), &status) != 0)
        bench::fail_errno("fstat " + file);
    sync(upload, file);
    sync(opened(file_directory, O_RDONLY | O_DIRECTORY), file_directory);

    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    std::array<char, 4096> line{};
    const int length =
        std::snprintf(line.data(), line.size(), "upload %s %u %lld %lld.%09ld\n",
                      bench::base_name(file).c_str(), status.st_uid, static_cast<long long>(status.st_size),
                      static_cast<long long>(status.st_mtim.tv_sec), status.st_mtim.tv_nsec);
    const std::string name = std::to_string(now.tv_sec) + "." + std::to_string(now.tv_nsec) + "-" +
                             std::to_string(getpid()) + ".q";
    const std::string temporary = spool + "/." + name + ".tmp";
    const std::string final_name = spool + "/" + name;
    const bench::Fd job = opened(temporary, O_WRONLY | O_CREAT | O_EXCL);
    if (write(job.get(), line.data(), static_cast<std::size_t>(length)) != length)
        bench::fail_errno("write " + temporary);
    sync(job, temporary);
    if (rename(temporary.c_str(), final_name.c_str()) != 0)
        bench::fail_errno("rename " + final_name);
    sync(opened(spool, O_RDONLY | O_DIRECTORY), spool);
    return 0;
}
