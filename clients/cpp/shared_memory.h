// Memory that a daemon on the same board shares with this program.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "edgeseg/v1/segmentation.pb.h"

// A leased region, divided into slots for one frame each. The lease lasts as long as this object.
// Thread-safe.
class Region {
 public:
  // Leases a region with `slots` slots of `slot_bytes` from the daemon that listens at `path`, as
  // GetServerInfo names it. Throws std::runtime_error.
  Region(const std::string& path, std::uint64_t slots, std::uint64_t slot_bytes);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  std::uint64_t slot_bytes() const { return slot_bytes_; }

  // The memory of a free slot, which the frame `id` has until `release(id)`; waits for one. Null
  // after `close`.
  char* allocate(std::uint64_t id);

  // How the first `length` bytes of the frame's slot are named to the daemon.
  edgeseg::v1::SharedMemoryHandle handle(std::uint64_t id, std::uint64_t length);

  // Call it when the frame was answered: before, its bytes must stay as they are.
  void release(std::uint64_t id);

  // Lets `allocate` return, because nothing will be released any more.
  void close();

 private:
  std::uint64_t slot_bytes_, size_;
  int connection_;
  std::uint64_t number_ = 0;
  char* memory_ = nullptr;
  std::mutex mutex_;
  std::condition_variable released_;
  bool closed_ = false;
  std::vector<std::uint64_t> free_;
  std::map<std::uint64_t, std::uint64_t> slot_of_;
};
