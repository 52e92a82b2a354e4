// The least that a look for stale jobs can cost: stat_all DIR NAMES  one stat(2) below DIR for each line of
// the file NAMES.
#include "small_things.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>

int main(int argc, char** argv) {
    if (argc != 3)
        bench::fail("usage: stat_all DIR NAMES");
    const bench::Fd directory(open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.get() < 0)
        bench::fail_errno(argv[1]);
    std::ifstream names(argv[2]);
    if (!names)
        bench::fail_errno(argv[2]);
    std::string name;
    struct stat found {};
    while (std::getline(names, name))
        if (fstatat(directory.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0)
            bench::fail_errno(name);
    return 0;
}
