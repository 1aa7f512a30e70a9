// The stage host: runs stages outside the node's process, for one tenant on one set of devices, one
// attempt after the other. It links no CAF. A node starts it:
//   nsai-stage-host                      with the descriptors of stages/host_protocol.hpp
//   nsai-stage-host --describe LIBRARY   tells through the channel what a stage library has
#include <cstdio>
#include <cstring>
#include <iostream>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "processes/wire.hpp"
#include "stages/gpu.hpp"
#include "stages/plugin_loader.hpp"
#include "stages/stage_host.hpp"

namespace {

using namespace nsai;
using processes::file_descriptor;

/// A descriptor that the node gave; none of the stages' own children get it.
file_descriptor given(int number) {
  return file_descriptor{::fcntl(number, F_SETFD, FD_CLOEXEC) == 0 ? number : -1};
}

int not_by_hand() {
  std::cerr << "nsai-stage-host: started by a node; not by hand\n";
  return 2;
}

int describe(char const* library) {
  auto const channel = given(stages::host_channel);
  if (!channel)
    return not_by_hand();
  auto const told = stages::describe_plugin(library);
  processes::send_all(channel.get(), stages::host_frame_of(stages::host_frame::described, told));
  std::fflush(nullptr);
  ::_exit(0);  // the library's own ends of static objects are not run: nobody needs them
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--describe") == 0)
    return describe(argv[2]);
  auto channel = given(stages::host_channel);
  auto const page_file = given(stages::host_page_file);
  stages::host_output output{given(stages::host_output_descriptor),
                             given(stages::host_output_descriptor + 1)};
  void* const page = ::mmap(nullptr, sizeof(stages::host_page), PROT_READ | PROT_WRITE, MAP_SHARED,
                            page_file.get(), 0);
  if (argc != 1 || !channel || page == MAP_FAILED)
    return not_by_hand();
  ::prctl(PR_SET_NAME, "nsai-host");
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // Lines reach the log as they are written, also those before a crash.
  ::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  stages::stage_host{std::move(channel), *static_cast<stages::host_page*>(page), output,
                     stages::gpu_compute}
      .live();
}
