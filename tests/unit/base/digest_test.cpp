// Digests against published values.
#include "base/digest.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace nodespool::base;

namespace {

std::string digest_of(ChecksumKind kind, const std::string& text, std::size_t step) {
    Digest digest(kind);
    for (std::size_t at = 0; at < text.size(); at += step) {
        const std::string piece = text.substr(at, step);
        digest.update(piece);
    }
    return digest.finish();
}

} // namespace

TEST_CASE("sha256 gives the published digests, however the stream is cut") {
    const std::string abc =
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // FIPS 180-2 B.1
    CHECK(digest_of(ChecksumKind::sha256, "abc", 3) == abc);
    CHECK(digest_of(ChecksumKind::sha256, "abc", 1) == abc);
    CHECK(digest_of(ChecksumKind::sha256, "", 1) ==
          "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("xxh3 of nothing is its published value, and cutting does not matter") {
    CHECK(digest_of(ChecksumKind::xxh3, "", 1) == "xxh3:2d06800538d394c2");
    const std::string text(100'000, 'x');
    CHECK(digest_of(ChecksumKind::xxh3, text, 7) == digest_of(ChecksumKind::xxh3, text, 65536));
    CHECK(digest_of(ChecksumKind::xxh3, text, 7) != digest_of(ChecksumKind::xxh3, text + "x", 7));
}

TEST_CASE("a digest that is restarted forgets, and none is none") {
    Digest digest(ChecksumKind::sha256);
    digest.update(std::string("something else"));
    digest.restart();
    digest.update(std::string("abc"));
    CHECK(digest.finish() == digest_of(ChecksumKind::sha256, "abc", 3));
    CHECK(digest_of(ChecksumKind::none, "abc", 1).empty());
}
