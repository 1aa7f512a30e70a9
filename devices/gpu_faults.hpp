#pragma once

#include <string>

namespace nsai::devices {

struct reading;

/// Whose fault an XID is. `application`: of the program that ran there. `hardware`: of the GPU or
/// its driver, which needs a reset or a repair. `note`: neither follows from it.
enum class xid_kind { application, hardware, note };

/// By NVIDIA's catalogue (docs.nvidia.com/deploy/xid-errors). A number that is not known is a note:
/// a GPU is kept from jobs by what is known to be its fault.
xid_kind kind_of_xid(unsigned xid);
/// "XID 79: the GPU has fallen off the bus".
std::string xid_words(unsigned xid);

/// Why no job should rely on a device that reads like this; empty: nothing speaks against it.
std::string fault_in(reading const& r);

}  // namespace nsai::devices
