// From link files to jobs.
#include "processor/link_jobs.hpp"

#include "base/path_name.hpp"

namespace nodespool::processor {

namespace {

queue::JobRecord job_of_version(queue::Keyword keyword, const catalog::Link& link) {
    queue::JobRecord job;
    job.keyword = keyword;
    job.path = link.path;
    job.size_bytes = link.size_bytes;
    job.mtime = link.mtime;
    return job;
}

} // namespace

queue::JobRecord store_job(const catalog::Link& link) {
    return job_of_version(queue::Keyword::store, link);
}

queue::JobRecord replicate_job(const catalog::Link& link, unsigned copies) {
    queue::JobRecord job = job_of_version(queue::Keyword::replicate, link);
    job.copies = copies;
    job.set_attribute("copies", std::to_string(copies));
    return job;
}

queue::JobRecord remove_job(const catalog::Copy& copy, const std::string& path, std::uint64_t size_bytes) {
    queue::JobRecord job;
    job.keyword = queue::Keyword::remove;
    job.node = copy.node;
    job.path = copy.name;
    job.size_bytes = size_bytes;
    job.set_attribute("path", base::encode_name(path));
    return job;
}

} // namespace nodespool::processor
