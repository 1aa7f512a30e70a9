#include "stages/learning/network_file.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

#include "messages/values.hpp"
#include "stages/whole_file.hpp"

namespace nsai::stages {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "floats are written as they lie");

constexpr std::string_view network_magic = "NSAINET\n";
constexpr std::size_t fixed_bytes = 24;
constexpr std::size_t checksum_bytes = 8;

char const* kind_name(network_file::kind_of_file kind) {
  return kind == network_file::kind_of_file::model ? "model" : "checkpoint";
}

template <class T>
void append_number(std::string& to, T value) {
  to.append(reinterpret_cast<char const*>(&value), sizeof value);
}

template <class T>
T number_at(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

void append_floats(std::string& to, std::vector<float> const& values) {
  to.append(reinterpret_cast<char const*>(values.data()), values.size() * sizeof(float));
}

/// What is wrong with a file, for one way to say it.
class network_reader {
 public:
  network_reader(std::string_view bytes, network_file::kind_of_file expected,
                 std::string const& name, std::string const& field)
      : bytes_(bytes), kind_(expected), name_(name), field_(field) {}

  /// Bytes of the head; `bytes` may be the beginning of a file of `size` bytes.
  std::size_t check_sizes(std::uint64_t size) {
    if (bytes_.substr(0, network_magic.size()) != network_magic)
      refuse("no network file", "one that begins with NSAINET");
    if (size < fixed_bytes + checksum_bytes)
      refuse(std::to_string(size) + " bytes",
             "at least " + std::to_string(fixed_bytes + checksum_bytes));
    if (auto const version = number_at<std::uint32_t>(bytes_, 8); version != network_file_version)
      refuse("format version " + std::to_string(version),
             "version " + std::to_string(network_file_version));
    head_bytes_ = number_at<std::uint32_t>(bytes_, 12);
    auto const floats = number_at<std::uint64_t>(bytes_, 16);
    auto const left = size - fixed_bytes - checksum_bytes;
    if (head_bytes_ > most_head_bytes || head_bytes_ > left || floats > (left - head_bytes_) / 4 ||
        head_bytes_ + floats * 4 != left)
      refuse(std::to_string(size) + " bytes", "those of a head of " + std::to_string(head_bytes_) +
                                                  " bytes and " + std::to_string(floats) +
                                                  " numbers (is the file cut off?)");
    floats_ = static_cast<std::size_t>(floats);
    return head_bytes_;
  }

  /// Head and shape, without the numbers, after check_sizes.
  network_file check_head() const {
    network_file file;
    file.kind = kind_;
    file.about = head();
    file.network = shape_of(file.about);
    auto const count = file.network.shape.parameters();
    auto const expected = has_moments() ? 3 * count : count;
    if (floats_ != expected)
      refuse(std::to_string(floats_) + " numbers",
             std::to_string(expected) + " for its network of " + words(file.network.shape));
    return file;
  }

  network_file read() {
    check_sizes(bytes_.size());
    check_sum();
    auto file = check_head();
    auto const count = file.network.shape.parameters();
    take(file.network.parameters, 0, count);
    if (has_moments()) {
      take(file.network.first_moments, count, count);
      take(file.network.second_moments, 2 * count, count);
    }
    file.about.erase("kind");
    file.about.erase("network");
    return file;
  }

 private:
  [[noreturn]] void refuse(std::string const& came, std::string const& expected) const {
    throw shape_error(field_, name_ + ": " + came, expected);
  }

  static std::string words(network_shape const& shape) {
    return std::to_string(shape.inputs) + " x " + std::to_string(shape.hidden) + " x " +
           std::to_string(shape.classes);
  }

  bool has_moments() const { return kind_ == network_file::kind_of_file::checkpoint; }

  void check_sum() const {
    auto const size = bytes_.size();
    if (number_at<std::uint64_t>(bytes_, size - checksum_bytes) !=
        fnv1a(bytes_.substr(0, size - checksum_bytes)))
      refuse("a checksum that does not hold", "the bytes that were written");
  }

  json head() const {
    json head;
    try {
      head = json_text{std::string{bytes_.substr(fixed_bytes, head_bytes_)}}.value();
    } catch (shape_error const& e) {
      refuse(std::string{"a head that cannot be read ("} + e.what() + ")", "a JSON object");
    }
    if (!head.is_object())
      refuse("a head that is " + describe_json(head), "a JSON object");
    auto const kind = head.find("kind");
    if (kind == head.end() || *kind != kind_name(kind_))
      refuse(kind == head.end() ? "a file of no kind" : "a file of kind " + describe_json(*kind),
             std::string{"a "} + kind_name(kind_));
    return head;
  }

  network_state shape_of(json const& head) const {
    auto const found = head.find("network");
    if (found == head.end() || !found->is_object())
      refuse("no shape of a network", "inputs, hidden and classes");
    network_state net;
    net.shape.inputs = layer(*found, "inputs", 1, most_inputs);
    net.shape.hidden = layer(*found, "hidden", 1, most_hidden);
    net.shape.classes = layer(*found, "classes", 1, most_classes);
    net.steps = layer(*found, "steps", 0, std::uint64_t{1} << 62U);
    return net;
  }

  std::uint64_t layer(json const& network, char const* part, std::uint64_t least,
                      std::uint64_t most) const {
    auto const found = network.find(part);
    bool const number = found != network.end() && found->is_number_unsigned();
    auto const value = number ? found->get<std::uint64_t>() : 0;
    if (!number || value < least || value > most)
      refuse(std::string{"network."} + part + " is " +
                 (found == network.end() ? "missing" : describe_json(*found)),
             std::to_string(least) + " to " + std::to_string(most));
    return value;
  }

  void take(std::vector<float>& to, std::size_t from, std::size_t count) const {
    to.resize(count);
    std::memcpy(to.data(), bytes_.data() + fixed_bytes + head_bytes_ + from * sizeof(float),
                count * sizeof(float));
    if (!std::all_of(to.begin(), to.end(), [](float x) { return std::isfinite(x); }))
      refuse("numbers that are not finite", "finite ones");
  }

  std::string_view bytes_;
  network_file::kind_of_file kind_;
  std::string const& name_;
  std::string const& field_;
  std::size_t head_bytes_ = 0;
  std::size_t floats_ = 0;
};

}  // namespace

std::string bytes_of(network_file const& file) {
  auto const& net = file.network;
  auto head = file.about;
  head["kind"] = kind_name(file.kind);
  head["network"] = {{"inputs", net.shape.inputs},
                     {"hidden", net.shape.hidden},
                     {"classes", net.shape.classes},
                     {"steps", net.steps}};
  auto const text = head.dump();
  bool const moments = file.kind == network_file::kind_of_file::checkpoint;
  std::string bytes{network_magic};
  append_number(bytes, network_file_version);
  append_number(bytes, static_cast<std::uint32_t>(text.size()));
  append_number(bytes, static_cast<std::uint64_t>(net.parameters.size()) * (moments ? 3U : 1U));
  bytes += text;
  append_floats(bytes, net.parameters);
  if (moments) {
    append_floats(bytes, net.first_moments);
    append_floats(bytes, net.second_moments);
  }
  append_number(bytes, fnv1a(bytes));
  return bytes;
}

network_file network_of(std::string_view bytes, network_file::kind_of_file expected,
                        std::string const& name, std::string const& field) {
  return network_reader{bytes, expected, name, field}.read();
}

network_file read_network(fs::path const& file, network_file::kind_of_file expected,
                          std::string const& field) {
  auto const name = file.filename().string();
  auto const expects = std::string{"the file of a "} + kind_name(expected);
  std::error_code unknown;
  if (fs::exists(file, unknown) && !fs::is_regular_file(file, unknown))
    throw shape_error(field, file.string() + " is no regular file", expects);
  std::ifstream in{file, std::ios::binary};
  auto const size = in ? fs::file_size(file, unknown) : 0;
  if (!in || unknown)
    throw shape_error(field, file.string() + " cannot be read", expects);
  std::string bytes;
  auto const read_to = [&](std::size_t end) {
    auto const from = bytes.size();
    bytes.resize(end);
    in.read(bytes.data() + from, static_cast<std::streamsize>(end - from));
    bytes.resize(from + static_cast<std::size_t>(in.gcount()));
    return bytes.size() == end;
  };
  if (size >= fixed_bytes + checksum_bytes && read_to(fixed_bytes)) {
    auto const head = network_reader{bytes, expected, name, field}.check_sizes(size);
    if (read_to(fixed_bytes + head)) {
      network_reader begin{bytes, expected, name, field};
      begin.check_sizes(size);
      begin.check_head();
      read_to(size);
    }
  } else {
    read_to(std::min<std::uint64_t>(size, fixed_bytes + checksum_bytes));
  }
  return network_of(bytes, expected, name, field);
}

void write_network(fs::path const& file, network_file const& network) {
  write_whole_file(file, bytes_of(network));
}

}  // namespace nsai::stages
