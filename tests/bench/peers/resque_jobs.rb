# Resque: a worker forks for each job.
require "resque"

Resque.redis = Redis.new(url: ENV.fetch("PEER_URL"))

# Does nothing.
class Noop
  @queue = :default

  def self.perform(_number); end
end

# Enqueues that many jobs.
def fill(count)
  count.times { |number| Resque.enqueue(Noop, number) }
end
