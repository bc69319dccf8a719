/*
 * The same bare job on libmosquitto: about the least that a program for it costs on this machine. Arguments as of bare.mjs.
 * One thread: poll() waits for the broker and for the next tick.
 *
 *     cc -O2 -o bare bare.c -lmosquitto -lm
 */
#include <math.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static char *node, *quantities, status[128];
static long sensors, interval_ms, seq;
static int both;

static double now_ms(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void say(struct mosquitto *client, const char *topic, const char *payload, bool retain) {
  mosquitto_publish_v5(client, NULL, topic, (int)strlen(payload), payload, 1, retain, NULL);
}

static void on_connect(struct mosquitto *client, void *data, int code, int flags, const mosquitto_property *properties) {
  int yes = 1;
  (void)data, (void)flags, (void)properties;
  if (code != 0) exit(1);
  setsockopt(mosquitto_socket(client), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  mosquitto_subscribe(client, NULL, "gpio/+/command", 2);
  say(client, status, "online", true);
}

static void on_message(struct mosquitto *client, void *data, const struct mosquitto_message *message,
                       const mosquitto_property *properties) {
  char topic[128];
  int on = message->payloadlen == 2 && memcmp(message->payload, "on", 2) == 0;
  (void)data, (void)properties;
  snprintf(topic, sizeof topic, "%.*sstate", (int)(strlen(message->topic) - strlen("command")), message->topic);
  say(client, topic, on ? "1" : "0", true);
}

static void read_sensor(struct mosquitto *client, long sensor) {
  char topic[160], value[32], time_text[40], record[600], names[200], *rest = names, *name;
  double wall = now_ms(CLOCK_REALTIME);
  time_t seconds = (time_t)(wall / 1000);
  struct tm utc;
  int length;
  gmtime_r(&seconds, &utc);
  strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%S", &utc);
  snprintf(value, sizeof value, "%g", round(215 + 25 * sin(wall / 10000)) / 10);
  length = snprintf(record, sizeof record,
                    "{\"timestamp\":\"%s.%03dZ\",\"node\":\"%s\",\"sensor\":\"s%ld\",\"run\":\"bare\",\"seq\":%ld", time_text,
                    (int)fmod(wall, 1000), node, sensor, seq++);
  snprintf(names, sizeof names, "%s", quantities);
  while ((name = strsep(&rest, ",")) != NULL) {
    length += snprintf(record + length, sizeof record - (size_t)length, ",\"%s\":%s", name, value);
    if (!both) continue;
    snprintf(topic, sizeof topic, "sensors/%s/s%ld/%s", node, sensor, name);
    say(client, topic, value, true);
  }
  snprintf(record + length, sizeof record - (size_t)length, "}");
  snprintf(topic, sizeof topic, "sensors/%s/s%ld/data", node, sensor);
  say(client, topic, record, false);
}

int main(int argc, char **argv) {
  struct mosquitto *client;
  double next;
  if (argc < 7) return 64;
  node = argv[2], sensors = atol(argv[3]), interval_ms = atol(argv[4]), both = strcmp(argv[5], "both") == 0, quantities = argv[6];
  snprintf(status, sizeof status, "devices/%s/status", node);
  mosquitto_lib_init();
  client = mosquitto_new(node, true, NULL);
  mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
  mosquitto_max_inflight_messages_set(client, 0);
  mosquitto_will_set_v5(client, status, 7, "offline", 1, true, NULL);
  mosquitto_connect_v5_callback_set(client, on_connect);
  mosquitto_message_v5_callback_set(client, on_message);
  if (mosquitto_connect_bind_v5(client, "127.0.0.1", atoi(argv[1]), 60, NULL, NULL) != 0) return 1;
  for (next = now_ms(CLOCK_MONOTONIC);;) {
    double left = next - now_ms(CLOCK_MONOTONIC);
    struct pollfd wait = {.fd = mosquitto_socket(client), .events = POLLIN};
    if (wait.fd < 0) return 1;
    if (mosquitto_want_write(client)) wait.events |= POLLOUT;
    if (left > 0 && poll(&wait, 1, left > 1000 ? 1000 : (int)ceil(left)) > 0) {
      if ((wait.revents & POLLOUT) != 0) mosquitto_loop_write(client, 1);
      if ((wait.revents & ~POLLOUT) != 0 && mosquitto_loop_read(client, 1) != 0) return 1;
    }
    mosquitto_loop_misc(client);
    if (now_ms(CLOCK_MONOTONIC) < next) continue;
    for (long sensor = 0; sensor < sensors; sensor++) read_sensor(client, sensor);
    next += (double)interval_ms;
    if (next < now_ms(CLOCK_MONOTONIC)) next = now_ms(CLOCK_MONOTONIC);
  }
}
