"""All attacks, by name."""

from __future__ import annotations

from attacks import pictures
from attacks.endless_options import endless_options
from attacks.floods import bmp, exif, large_frames, poison, scans, webp
from attacks.gzip_bombs import bomb, gzip_bombs
from attacks.half_sent import half_stream, half_unary
from attacks.held_open import idle_streams, watchers
from attacks.idle_connections import idle_connections
from attacks.leased_memory import leased_memory
from attacks.many_calls import many_images, many_streams
from attacks.no_attack import busy, nothing
from attacks.resets import reconnecting_resets, resets
from attacks.target import Attack
from attacks.unread import unread

ATTACKS = (
    Attack("nothing", "none, to compare with", nothing),
    Attack("busy", "none, but another program uses a core", busy),
    Attack("gzip", "10 calls of 63 KiB of gzip that are 63 MiB", gzip_bombs, bomb),
    Attack("unread", "16 streams that read no result", unread, pictures.usual_jpeg),
    Attack("half_unary", "12 images as large as can be, whose end never comes", half_unary),
    Attack("half_stream", "12 streams with such a frame", half_stream),
    Attack("idle_streams", "5000 streams that say nothing", idle_streams),
    Attack("watchers", "5000 calls that watch the health", watchers),
    Attack("idle_connections", "1200 connections that say nothing", idle_connections),
    Attack("bmp", "BMPs of 4 KB of run lengths", bmp, pictures.bmps),
    Attack("scans", "JPEGs of 4000 and of 90 scans", scans, pictures.jpegs_of_many_scans),
    Attack("webp", "WebPs of 50 and 12 million pixels in a few bytes", webp, pictures.plain_webps),
    Attack("exif", "EXIF of 300 times 10 MB", exif, pictures.pictures_with_exif),
    Attack("large_frames", "8 streams of frames as large as can be", large_frames),
    Attack("options", "a million classes, a name as large as can be", endless_options),
    Attack("many_streams", "1000 streams of one connection", many_streams, pictures.usual_jpeg),
    Attack("many_images", "64 single images at a time", many_images, pictures.usual_jpeg),
    Attack("poison", "8 streams of a JPEG slow to decode", poison, pictures.slow_jpeg),
    Attack("leased_memory", "all shared memory leased", leased_memory, local=True),
    Attack("resets", "calls cancelled at once, endlessly", resets),
    Attack("reconnects", "the same, on ever new connections", reconnecting_resets),
)
