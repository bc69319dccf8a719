"""The same bare job with paho-mqtt, as most nodes in Python are. Arguments as of bare.mjs.

Speaks MQTT 3.1.1, as its examples do, and works with both major versions of the package.
"""

import json
import math
import socket
import sys
import time

import paho.mqtt.client as mqtt

port, node, sensors, interval_ms, what, quantities = sys.argv[1:7]
status = f"devices/{node}/status"
versions = getattr(mqtt, "CallbackAPIVersion", None)
client = mqtt.Client(versions.VERSION1, node) if versions else mqtt.Client(node)
client.will_set(status, "offline", 1, True)
client.max_inflight_messages_set(0)
client.max_queued_messages_set(0)


def on_connect(client, _data, _flags, _code):
    client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.subscribe("gpio/+/command", 2)
    client.publish(status, "online", 1, True)


def on_message(client, _data, message):
    state = "1" if message.payload == b"on" else "0"
    client.publish(message.topic[: -len("command")] + "state", state, 1, True)


def read(sensor, seq):
    value = round(215 + 25 * math.sin(time.time() / 10)) / 10
    values = {name: value for name in quantities.split(",")}
    if what == "both":
        for name in values:
            client.publish(f"sensors/{node}/{sensor}/{name}", str(value), 1, True)
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    record = {"timestamp": stamp, "node": node, "sensor": sensor, "run": "bare", "seq": seq, **values}
    client.publish(f"sensors/{node}/{sensor}/data", json.dumps(record, separators=(",", ":")), 1)


client.on_connect = on_connect
client.on_message = on_message
client.connect("127.0.0.1", int(port))
client.loop_start()
seq = 0
due = time.monotonic()
while True:
    for index in range(int(sensors)):
        read(f"s{index}", seq)
        seq += 1
    due = max(due + int(interval_ms) / 1000, time.monotonic())
    time.sleep(max(0, due - time.monotonic()))
