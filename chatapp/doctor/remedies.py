"""What to change, mostly in which proxy, for each fault. The stream paths are in deploy/README.md."""

from __future__ import annotations

from chatapp.doctor.buffering import Kind

_HOLDING = (
    "Compare with chatapp's own port: what is well there and not here is done by something in between.",
    "nginx: proxy_buffering off; gzip off; for the stream paths and proxy_http_version 1.1; for all, as"
    " deploy/nginx.conf has it; and no proxy_ignore_headers X-Accel-Buffering; which makes nginx deaf to chatapp's"
    " own request.",
    "Apache: ProxyPass … flushpackets=on for the stream paths, as deploy/apache.conf has it, and no output filter"
    " on them (SetOutputFilter, AddOutputFilterByType).",
    "Caddy: flush_interval -1 in reverse_proxy, and the stream paths left out of encode.",
    "A CDN (Cloudflare and the like): no caching, no rewriting or scanning of bodies on the stream paths; keep"
    " Cache-Control: no-transform. Where it cannot be taught, let the stream paths pass it by.",
    "A web application firewall, virus scanner or company proxy that looks at whole answers: an exception for"
    " text/event-stream.",
)
COMPRESSED = (
    "A compressor waits until it has enough to compress. chatapp sends no compressed stream, and forbids it to others"
    " (Cache-Control: no-transform).",
    "nginx: gzip off; (and brotli off;) for the stream paths, or text/event-stream taken out of gzip_types.",
    "Apache: SetEnv no-gzip 1 and SetEnv no-brotli 1 for the stream paths, or text/event-stream taken out of"
    " AddOutputFilterByType DEFLATE.",
    "Caddy: the stream paths left out of encode.",
    "Cloudflare: no compression rule that matches text/event-stream. Another CDN: no compression of it.",
)
NO_HEARTBEAT = (
    "Lower OPENAI_SSE_HEARTBEAT_MS (10000 by default) on the server; it must stay well below the shortest limit on the"
    " way for a connection that is silent.",
    "By default that is 60 s in nginx (proxy_read_timeout), in Apache (Timeout, or ProxyTimeout) and in an AWS"
    " application load balancer (idle timeout), about 100 s at Cloudflare, and 30 s in CloudFront (origin response"
    " timeout).",
)
NO_SIGN_IN = (
    "An API token is made on the deployment's page /tokens, or on the server by"
    " `flask --app wsgi token create EMAIL`.",
)
CUT_OFF = (
    "Something on the way closes connections, by a limit in time or in bytes: proxy_read_timeout and"
    " proxy_send_timeout in nginx, Timeout and ProxyTimeout in Apache, the idle timeout of a load balancer.",
    "If the server itself was restarted meanwhile, run this again.",
)


def remedies_for(kind: Kind) -> tuple[str, ...]:
    """Sentences, each beginning with whom it is for; none where nothing is wrong."""
    return _HOLDING if kind in (Kind.HELD_BACK, Kind.FULL_BUFFERS, Kind.BURSTS) else ()
