# Sidekiq: a process with threads.
require "sidekiq"

Redis.silence_deprecations = true if defined?(Redis) && Redis.respond_to?(:silence_deprecations=)

Sidekiq.configure_server { |config| config.redis = { url: ENV.fetch("PEER_URL") } }
Sidekiq.configure_client { |config| config.redis = { url: ENV.fetch("PEER_URL") } }

# Does nothing.
class Noop
  include Sidekiq::Worker

  def perform(_number); end
end

# Enqueues that many jobs.
def fill(count)
  (0...count).each_slice(1_000) do |numbers|
    Sidekiq::Client.push_bulk("class" => Noop, "args" => numbers.map { |number| [number] })
  end
end
