//! How the daemon ends: enforcement stays in the kernel, or everything is taken out of it. Either way it says so.

use cofferdam_api::{Code, Problem, Stopped, VERSION};

use super::{Ending, Engine};
use crate::Error;

// === impl Engine ===

impl Engine {
    /// Ends as was asked, and answers who asked.
    pub(crate) fn finish(mut self, ending: Ending) -> Result<(), Error> {
        let workloads = self.protected_count() as u64;
        self.finish_exports();
        let (open, reply) = match ending {
            Ending::Signal => (false, None),
            Ending::Asked(open, reply) => (open, Some(reply)),
        };
        let done = if open {
            self.remove()
        } else {
            self.leave(workloads)
        };
        if let Some(reply) = reply {
            let answer = match &done {
                Ok(()) => Ok(Stopped {
                    version: VERSION,
                    open,
                    workloads,
                }),
                Err(error) => Err(Problem::new(Code::Internal, error.to_string())),
            };
            let _ = reply.send(answer);
        }
        done
    }

    /// The kernel goes on with what it has.
    fn leave(&mut self, workloads: u64) -> Result<(), Error> {
        self.finish_change();
        self.save();
        self.finish_saving();
        eprintln!(
            "cofferdam: stopped; enforcement stays in the kernel for {} \
             (`cofferdam off` ends it, `cofferdam daemon` takes over again)",
            protected(workloads)
        );
        Ok(())
    }

    /// Nothing of us is left in the kernel, and no cgroup that we made.
    pub(crate) fn remove(mut self) -> Result<(), Error> {
        let workloads = self.protected_count() as u64;
        let left = self.leave_cgroups();
        self.save();
        self.finish_saving();
        self.enforcer.remove().map_err(|error| Error::datapath(&error))?;
        for cgroup in left {
            tracing::error!("{} is in use and could not be removed", cgroup.display());
        }
        eprintln!(
            "cofferdam: stopped and opened: nothing is enforced any more for {}",
            protected(workloads)
        );
        Ok(())
    }
}

fn protected(workloads: u64) -> String {
    format!(
        "{workloads} protected workload{}",
        if workloads == 1 { "" } else { "s" }
    )
}
