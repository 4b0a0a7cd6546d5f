// SPDX-FileCopyrightText: 2026 Brushflow Authors
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Flamenco's job type for Brushflow. Lay it into the folder "scripts" beside the Flamenco Manager and restart that.
// The settings are filled by `python -m core plan JOB.json … --as flamenco --output DIR`, or by Brushflow's panel in Blender.

const JOB_TYPE = {
    label: "Brushflow",
    description: "Paint shots in the style of a painting",
    settings: [
        {
            key: "python", type: "string", required: true,
            description: "The interpreter that has the engine's packages, as the workers see it",
        },
        {
            key: "engine", type: "string", required: true,
            description: "The folder core of the extension or the checkout, as the workers see it",
        },
        {
            key: "folder", type: "string", required: true, subtype: "dir_path",
            description: "The folder below which the jobs lie, which all workers share",
        },
        {
            key: "tasks", type: "string", required: true, visible: "hidden",
            description: "JSON: a list of tasks, each after those that it needs",
        },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    const made = {};
    for (const one of JSON.parse(settings.tasks)) {
        const task = author.Task(one.id, "misc");
        task.addCommand(author.Command("exec", {
            exe: settings.python,
            args: ["-I", "-B", settings.engine, "run", settings.folder + "/" + one.job].concat(one.options),
        }));
        for (const need of one.needs) {
            task.addDependency(made[need]);
        }
        job.addTask(task);
        made[one.id] = task;
    }
}
