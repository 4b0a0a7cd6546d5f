#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
# Takes the pictures that panel_screenshots.py asks for in the folder $1, until the last one is there. Needs ImageMagick and DISPLAY.
set -euo pipefail
folder=$1

until [[ -e $folder/panel_after.png ]]; do
    sleep 0.5
    for wanted in "$folder"/*.wanted; do
        [[ -e $wanted ]] || continue
        import -window root "${wanted%.wanted}.partial.png"
        mv "${wanted%.wanted}.partial.png" "${wanted%.wanted}.png"
        rm "$wanted"
    done
done
