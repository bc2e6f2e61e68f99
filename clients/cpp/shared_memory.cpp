#include "shared_memory.h"

#include <google/protobuf/util/json_util.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty()) {
    throw std::runtime_error("this daemon shares no memory: it must listen on unix:///PATH here");
  }
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("the path is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0 ||
      connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    fail("cannot connect to " + path);
  }
  return connection;
}

// One line of JSON, and the descriptor that comes with its first byte; -1 if none came.
std::string receive_line(int connection, int* descriptor) {
  std::string line;
  *descriptor = -1;
  while (line.find('\n') == std::string::npos) {
    char buffer[4096];
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    iovec bytes{buffer, sizeof buffer};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t length = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    if (length < 0) fail("no answer about shared memory");
    if (length == 0) throw std::runtime_error("the daemon closed the connection");
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
      std::memcpy(descriptor, CMSG_DATA(header), sizeof(int));
    }
    line.append(buffer, length);
  }
  return line;
}

}  // namespace

Region::Region(const std::string& path, std::uint64_t slots, std::uint64_t slot_bytes)
    : slot_bytes_(slot_bytes), size_(slots * slot_bytes), connection_(connect_to(path)) {
  const std::string request = "{\"bytes\": " + std::to_string(size_) + "}\n";
  if (send(connection_, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    fail("cannot ask for shared memory");
  }
  int descriptor = -1;
  const std::string line = receive_line(connection_, &descriptor);
  if (descriptor < 0) throw std::runtime_error("the daemon shares no memory: " + line);
  // {"region": ID, "bytes": N}. The id has 64 bits: a parser that reads numbers as double changes
  // it. protobuf's reads it as the field of this message that has its name.
  edgeseg::v1::SharedMemoryHandle answer;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  if (!google::protobuf::util::JsonStringToMessage(line, &answer, options).ok()) {
    throw std::runtime_error("an answer that is not understood: " + line);
  }
  number_ = answer.region();
  void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  if (memory == MAP_FAILED) fail("cannot map shared memory");
  memory_ = static_cast<char*>(memory);
  for (std::uint64_t slot = 0; slot < slots; ++slot) free_.push_back(slot);
}

Region::~Region() {
  munmap(memory_, size_);
  ::close(connection_);  // ends the lease
}

char* Region::allocate(std::uint64_t id) {
  std::unique_lock lock(mutex_);
  released_.wait(lock, [&] { return closed_ || !free_.empty(); });
  if (closed_) return nullptr;
  const std::uint64_t slot = free_.back();
  free_.pop_back();
  slot_of_[id] = slot;
  return memory_ + slot * slot_bytes_;
}

edgeseg::v1::SharedMemoryHandle Region::handle(std::uint64_t id, std::uint64_t length) {
  const std::lock_guard lock(mutex_);
  edgeseg::v1::SharedMemoryHandle found;
  found.set_region(number_);
  found.set_offset(slot_of_.at(id) * slot_bytes_);
  found.set_length(length);
  return found;
}

void Region::release(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = slot_of_.find(id);
  if (found == slot_of_.end()) return;  // it was sent in a message
  free_.push_back(found->second);
  slot_of_.erase(found);
  released_.notify_one();
}

void Region::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  released_.notify_all();
}
