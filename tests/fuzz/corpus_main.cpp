// The main() of a fuzzer without libFuzzer: every file of a corpus once, as a plain test.
#include "fuzz/fuzzer.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_in(const fs::path& directory) {
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::directory_iterator(directory))
        if (entry.is_regular_file())
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

std::string content_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in)
        throw std::runtime_error("cannot read " + file.string());
    return {std::istreambuf_iterator<char>(in), {}};
}

void run(const fs::path& file) {
    // An input that ends the process is the last one that was named.
    std::cout << file.filename().string() << std::endl;
    const std::string content = content_of(file);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
}

} // namespace

/// usage: nodespool_fuzz_NAME FILE|DIRECTORY...
int main(int argc, char** argv) {
    try {
        std::size_t count = 0;
        for (int i = 1; i < argc; ++i) {
            const std::vector<fs::path> files =
                fs::is_directory(argv[i]) ? files_in(argv[i]) : std::vector<fs::path>{argv[i]};
            std::for_each(files.begin(), files.end(), run);
            count += files.size();
        }
        std::cout << count << " inputs" << std::endl;
        return count > 0 ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << error.what() << std::endl;
        return 1;
    }
}
