#include "masks.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <stdexcept>

namespace {

constexpr unsigned NO_CLASS = 255;

}  // namespace

std::vector<std::pair<unsigned, double>> count_shares(const edgeseg::v1::Segmentation& found) {
  const std::string& labels = found.labels();
  if (labels.size() != std::uint64_t{found.width()} * found.height()) {
    throw std::runtime_error("the labels do not fill the mask");
  }
  std::array<std::uint64_t, 256> counts{};
  for (const char label : labels) ++counts[static_cast<unsigned char>(label)];
  std::vector<std::pair<unsigned, double>> shares;
  for (unsigned id = 0; id < NO_CLASS; ++id) {
    if (counts[id] > 0) shares.emplace_back(id, double(counts[id]) / labels.size());
  }
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& one, const auto& other) { return one.second > other.second; });
  return shares;
}

void write_pgm(const std::string& path, const edgeseg::v1::Segmentation& found) {
  std::ofstream file(path, std::ios::binary);
  file << "P5\n" << found.width() << ' ' << found.height() << "\n255\n" << found.labels();
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}
