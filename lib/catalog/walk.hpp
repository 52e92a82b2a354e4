// Walks the catalogue: every link file below a directory, in no order and in bounded memory.
#pragma once

#include "catalog/catalog.hpp"

#include <functional>
#include <string>

namespace nodespool::catalog {

/// Calls @p visit with the cluster path of every link file at or below @p directory, raw ("" is the whole
/// catalogue; a link file's own path is that one), until it returns false. Links that come, go or move while
/// it walks may be visited or not, all others are, once; symbolic links are passed over. Needs no lock, and
/// @p visit may take links away. Memory grows with the subdirectories of one directory, not with its files.
void for_each_link(const Catalog& catalog, const std::string& directory,
                   const std::function<bool(const std::string& path)>& visit);

/// Removes the directories at and below @p directory that hold nothing, and then its parents as long as they
/// hold nothing; the catalogue itself stays. Whoever puts a link there meanwhile makes them anew
/// (LinkBatch::commit()).
void remove_empty_directories(const Catalog& catalog, const std::string& directory);

/// The directory of @p path and its parents only, without a look at what else is below them.
void remove_empty_parents(const Catalog& catalog, const std::string& path);

} // namespace nodespool::catalog
