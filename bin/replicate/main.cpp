// replicate: makes further copies of stored files.
#include "processor/replicate_work.hpp"
#include "program/processor_program.hpp"

int main(int argc, char** argv) {
    using namespace nodespool;
    const cli::Command command = program::processor_command([](const program::WorkContext& context) {
        return std::make_unique<processor::ReplicateWork>(context.cluster, context.spool, context.catalog,
                                                          context.limit_bytes_per_second, context.stop);
    });
    return cli::run(argc, argv, {"replicate", "copy stored files to further node servers", {command}});
}
