import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { startServer, type ServerProcess } from './server-process.ts'

const NGINX = 'nginx'

/** What nginx calls itself, `nginx/1.22.1`; undefined where it is not installed. */
export function nginxVersion(): string | undefined {
  return /nginx\/\S+/.exec(spawnSync(NGINX, ['-v'], { encoding: 'utf8' }).stderr ?? '')?.[0]
}

/** Connections of both sides together that every scenario but that of idle sockets can do with; nginx has memory for all ready. */
export const CONNECTIONS = 4096

/** nginx as a reverse proxy that adds as little as it can. */
export async function startNginx(
  folder: string,
  upstreamPort: number,
  connections: number = CONNECTIONS,
): Promise<ServerProcess> {
  const port = await freePort()
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, configuration(folder, { port, upstreamPort, connections }))
  return await startServer(NGINX, ['-p', folder, '-c', file, '-e', 'stderr'], port)
}

/** Request bodies are read whole first, which is nginx's default and what the gateway does; here they stay in memory. */
function configuration(
  folder: string,
  {
    port,
    upstreamPort,
    connections,
  }: { readonly port: number; readonly upstreamPort: number; readonly connections: number },
): string {
  const root = process.getuid?.() === 0 ? 'user root;\n' : ''
  return `${root}daemon off;
worker_processes 1;
worker_rlimit_nofile ${connections + 1000};
pid ${join(folder, 'nginx.pid')};
error_log stderr error;
events { worker_connections ${connections}; }
http {
  access_log off;
  client_body_temp_path ${join(folder, 'body')};
  proxy_temp_path ${join(folder, 'proxy')};
  fastcgi_temp_path ${join(folder, 'fastcgi')};
  uwsgi_temp_path ${join(folder, 'uwsgi')};
  scgi_temp_path ${join(folder, 'scgi')};
  client_max_body_size 0;
  client_body_buffer_size 2m;
  keepalive_requests 100000000;
  tcp_nodelay on;
  underscores_in_headers on;
  map $http_upgrade $connection_upgrade {
    default upgrade;
    "" "";
  }
  upstream api {
    server 127.0.0.1:${upstreamPort};
    keepalive 512;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_buffering off;
    }
  }
}
`
}
