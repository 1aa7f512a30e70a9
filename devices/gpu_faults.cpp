#include "devices/gpu_faults.hpp"

#include <algorithm>
#include <array>

#include "devices/nvml.hpp"

namespace nsai::devices {
namespace {

struct xid_row {
  unsigned xid;
  xid_kind kind;
  char const* meaning;
};

constexpr std::array known_xids{
    xid_row{13, xid_kind::application, "exception in the graphics engine"},
    xid_row{31, xid_kind::application, "access to memory that is not mapped"},
    xid_row{43, xid_kind::application, "the program's work on the GPU was stopped"},
    xid_row{45, xid_kind::application, "clean-up after a program was ended"},
    xid_row{46, xid_kind::hardware, "the GPU has stopped working"},
    xid_row{48, xid_kind::hardware, "memory error that ECC cannot correct"},
    xid_row{54, xid_kind::hardware, "a power cable is missing"},
    xid_row{61, xid_kind::hardware, "internal micro-controller error"},
    xid_row{62, xid_kind::hardware, "internal micro-controller halt"},
    // A spare row takes over at the next reset; until then the driver avoids the bad one.
    xid_row{63, xid_kind::note, "bad memory was noted for replacement"},
    xid_row{64, xid_kind::hardware, "bad memory could not be noted for replacement"},
    xid_row{68, xid_kind::application, "exception in the video decoder"},
    xid_row{69, xid_kind::application, "class error in the graphics engine"},
    xid_row{74, xid_kind::hardware, "NVLink error"},
    xid_row{79, xid_kind::hardware, "the GPU has fallen off the bus"},
    xid_row{92, xid_kind::hardware, "high rate of memory errors"},
    // Other programs may go on, but a job has lost its work by it, and the error stays counted.
    xid_row{94, xid_kind::hardware, "contained memory error"},
    xid_row{95, xid_kind::hardware, "uncontained memory error"},
    // Too slow a switch between programs: programs cause it as well as GPUs.
    xid_row{109, xid_kind::note, "a switch between programs took too long"},
    xid_row{110, xid_kind::hardware, "the GPU's security has failed"},
    xid_row{119, xid_kind::hardware, "the GPU's system processor does not answer"},
    xid_row{120, xid_kind::hardware, "error of the GPU's system processor"},
    xid_row{136, xid_kind::hardware, "training of a link has failed"},
    xid_row{140, xid_kind::hardware, "memory error that ECC has not recovered"},
    xid_row{143, xid_kind::hardware, "the GPU could not be initialised"},
};

xid_row const* find(unsigned xid) {
  auto const* const at = std::find_if(known_xids.begin(), known_xids.end(),
                                      [&](xid_row const& row) { return row.xid == xid; });
  return at == known_xids.end() ? nullptr : at;
}

}  // namespace

xid_kind kind_of_xid(unsigned xid) {
  auto const* const row = find(xid);
  return row == nullptr ? xid_kind::note : row->kind;
}

std::string xid_words(unsigned xid) {
  auto const* const row = find(xid);
  return "XID " + std::to_string(xid) + (row == nullptr ? "" : std::string{": "} + row->meaning);
}

std::string fault_in(reading const& r) {
  if (!r.unreachable.empty())
    return "the driver cannot reach it: " + r.unreachable;
  if (r.remap_failed)
    return "bad memory cannot be replaced by spare rows";
  if (r.uncorrectable_errors > 0)
    return std::to_string(r.uncorrectable_errors) +
           " memory errors that ECC cannot correct since its last reset";
  return {};
}

}  // namespace nsai::devices
