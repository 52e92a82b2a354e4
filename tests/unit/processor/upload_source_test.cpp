// Reading uploads, small and large, digested beside or not.
#include "base/file_system.hpp"
#include "processor/upload_source.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <filesystem>

using namespace nodespool;
using base::ChecksumKind;
using processor::DigestBeside;
using processor::FileChanged;
using processor::UploadSource;

namespace {

std::string content(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        text[i] = static_cast<char>(i * 31 + i / 257);
    return text;
}

std::string digest(const std::string& text, ChecksumKind kind) {
    base::Digest digest(kind);
    digest.update(text);
    return digest.finish();
}

struct Upload {
    explicit Upload(const std::string& text) : size(text.size()) {
        test::write_file(dir / "f", text);
        fd = base::open_at(base::k_cwd, dir / "f", O_RDONLY);
    }
    UploadSource source(ChecksumKind kind = ChecksumKind::sha256) {
        return {fd.get(), size, "f", kind, limit, stop};
    }
    static std::string read_all(UploadSource& source, std::size_t portion = 65536) {
        std::string all;
        std::string block(portion, '\0');
        while (const std::size_t got = source.read(block))
            all.append(block, 0, got);
        return all;
    }

    /// As read_all(), without a copy.
    static std::string take_all(UploadSource& source, std::size_t portion = 262144) {
        std::string all;
        std::string space(portion, '\0');
        for (std::span<const char> bytes = source.next(space); !bytes.empty(); bytes = source.next(space))
            all.append(bytes.begin(), bytes.end());
        return all;
    }

    test::TempDir dir;
    std::size_t size;
    base::Fd fd;
    processor::RateLimit limit{std::nullopt, base::system_clock()};
    base::Stop state = base::Stop::no;
    std::function<base::Stop()> stop = [this] { return state; };
};

} // namespace

TEST_CASE("an upload of any size is read whole, with its checksum") {
    for (const std::size_t size : {0U, 1U, 4096U, (1U << 20U), (1U << 20U) + 1, 5'000'001U})
        for (const ChecksumKind kind : {ChecksumKind::none, ChecksumKind::sha256, ChecksumKind::xxh3}) {
            CAPTURE(size);
            const std::string text = content(size);
            Upload upload(text);
            UploadSource source = upload.source(kind);
            CHECK_FALSE(source.has_begun());
            CHECK(Upload::read_all(source, size > 4096 ? 70'001 : 1000) == text);
            CHECK(source.checksum() == digest(text, kind));
            CHECK(source.has_begun());
            source.rewind();
            CHECK(Upload::take_all(source, size > 4096 ? 70'001 : 1000) == text);
            CHECK(source.checksum() == digest(text, kind));
        }
}

TEST_CASE("an upload that is digested beside is given whole, with its checksum") {
    for (const std::size_t size : {(1U << 20U), (1U << 20U) + 1, 5'000'001U, 9U << 20U})
        for (const std::size_t portion : {1000U, 70'001U, 262'144U, 1'000'000U}) {
            CAPTURE(size);
            CAPTURE(portion);
            const std::string text = content(size);
            Upload upload(text);
            UploadSource source = upload.source();
            CHECK(Upload::take_all(source, portion) == text);
            CHECK(source.checksum() == digest(text, ChecksumKind::sha256));
        }
}

TEST_CASE("what was given stays until the next is asked for, and the digest is in order, whoever asks how") {
    const std::string text = content(4'000'000);
    Upload upload(text);
    UploadSource source = upload.source();
    std::string space(262144, '\0');
    std::string all;
    while (all.size() < text.size()) {
        const std::span<const char> bytes = source.next(space);
        all.append(bytes.begin(), bytes.end());
        std::string block(10'000, '\0');
        all.append(block, 0, source.read(block));
        CHECK(all == text.substr(0, all.size()));
    }
    CHECK(source.checksum() == digest(text, ChecksumKind::sha256));
}

TEST_CASE("a transfer that starts again reads from the first byte") {
    const std::string text = content(3'000'000);
    Upload upload(text);
    UploadSource source = upload.source();
    std::string block(100'000, '\0');
    for (int i = 0; i < 7; ++i)
        source.read(block);
    source.rewind();
    CHECK(Upload::read_all(source) == text);
    source.rewind();
    CHECK(Upload::read_all(source) == text);
    CHECK(source.checksum() == digest(text, ChecksumKind::sha256));
}

TEST_CASE("a transfer that starts again digests from the first byte, what was under way before forgotten") {
    const std::string text = content(3'000'000);
    Upload upload(text);
    UploadSource source = upload.source();
    std::string space(262144, '\0');
    for (int i = 0; i < 7; ++i)
        source.next(space);
    source.rewind();
    CHECK(Upload::take_all(source) == text);
    source.rewind();
    CHECK(Upload::take_all(source) == text);
    CHECK(source.checksum() == digest(text, ChecksumKind::sha256));
}

TEST_CASE("a file that is cut while it is read has changed, after the bytes that are still there") {
    for (const std::size_t size : {100'000U, 3'000'000U}) {
        Upload upload(content(size));
        std::filesystem::resize_file(upload.dir / "f", size / 2);
        UploadSource source = upload.source();
        std::string block(4096, '\0');
        std::size_t got = 0;
        CHECK_THROWS_AS(
            [&] {
                for (;;)
                    got += source.read(block);
            }(),
            FileChanged);
        CHECK(got == size / 2);
        source.rewind();
        got = 0;
        CHECK_THROWS_AS(
            [&] {
                for (;;)
                    got += source.next(block).size();
            }(),
            FileChanged);
        CHECK(got == size / 2);
    }
}

TEST_CASE("a file that cannot be read is an error of this machine") {
    Upload upload(content(3'000'000));
    upload.fd = base::open_at(base::k_cwd, upload.dir / "f", O_WRONLY);
    UploadSource source = upload.source();
    std::string block(4096, '\0');
    CHECK_THROWS_AS(source.read(block), base::SystemError);
    UploadSource beside = upload.source();
    CHECK_THROWS_AS(beside.next(block), base::SystemError);
}

TEST_CASE("a stop breaks off a transfer in its middle, whoever reads") {
    for (const std::size_t size : {100'000U, 3'000'000U}) {
        Upload upload(content(size));
        UploadSource source = upload.source();
        std::string block(4096, '\0');
        CHECK(source.read(block) == 4096);
        upload.state = base::Stop::now;
        CHECK_THROWS_AS(source.read(block), processor::Interrupted);
        CHECK_THROWS_AS(source.next(block), processor::Interrupted);
    }
}

TEST_CASE("no more than eight digest beside at once; what comes then is digested all the same") {
    std::vector<base::Digest> digests;
    for (int i = 0; i < 9; ++i)
        digests.emplace_back(ChecksumKind::sha256);
    std::vector<std::unique_ptr<DigestBeside>> beside;
    for (std::size_t i = 0; i < 8; ++i)
        beside.push_back(DigestBeside::start(digests[i]));
    for (const auto& each : beside)
        CHECK(each);
    CHECK_FALSE(DigestBeside::start(digests[8]));
    const std::string text = content(3'000'000);
    Upload upload(text);
    UploadSource source = upload.source();
    CHECK(Upload::take_all(source) == text);
    CHECK(source.checksum() == digest(text, ChecksumKind::sha256));
    beside.pop_back();
    CHECK(DigestBeside::start(digests[8]));
}
