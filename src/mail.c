#include "dialect.h"

#include "mail.h"

#include "buffer.h"

int cordon__mail_open(cordon__mail **mail, cordon_fault *fault)
{
    cordon__mail *made = cordon__allocate(&cordon__libc, sizeof *made);

    if (made == NULL || uv_mutex_init(&made->lock) != 0) {
        cordon__release(&cordon__libc, made);
        return cordon__fault_set(fault, CORDON_ENOMEM, "open loop");
    }
    made->uses = 1;
    made->home = cordon__thread_self();
    made->end = &made->first;
    *mail = made;
    return 0;
}

void cordon__mail_use(cordon__mail *mail)
{
    uv_mutex_lock(&mail->lock);
    mail->uses++;
    uv_mutex_unlock(&mail->lock);
}

void cordon__mail_drop(cordon__mail *mail)
{
    unsigned left;

    uv_mutex_lock(&mail->lock);
    left = --mail->uses;
    uv_mutex_unlock(&mail->lock);
    if (left > 0)
        return;
    uv_mutex_destroy(&mail->lock);
    cordon__release(&cordon__libc, mail);
}

int cordon__mail_is_home(cordon__mail *mail)
{
    return cordon__thread_self() == mail->home;
}

void cordon__mail_lock(cordon__mail *mail)
{
    uv_mutex_lock(&mail->lock);
}

void cordon__mail_unlock(cordon__mail *mail)
{
    uv_mutex_unlock(&mail->lock);
}

int cordon__mail_put(cordon__mail *mail, cordon__job *job)
{
    if (mail->is_closed)
        return 1;
    if (job->is_posted)
        return 0;
    job->is_posted = 1;
    job->next = NULL;
    *mail->end = job;
    mail->end = &job->next;
    mail->count++;
    cordon__wake_send(mail->wake);
    return 0;
}

int cordon__mail_post(cordon__mail *mail, cordon__job *job)
{
    int code;

    uv_mutex_lock(&mail->lock);
    code = cordon__mail_put(mail, job);
    uv_mutex_unlock(&mail->lock);
    return code;
}

/* One at a time: a job may be the last to know of the next one's owner. */
static cordon__job *take(cordon__mail *mail)
{
    cordon__job *job = mail->first;

    if (job == NULL)
        return NULL;
    mail->first = job->next;
    if (mail->first == NULL)
        mail->end = &mail->first;
    mail->count--;
    job->is_posted = 0;
    return job;
}

void cordon__mail_withdraw(cordon__mail *mail, cordon__job *job)
{
    cordon__job **at = &mail->first;

    if (!job->is_posted)
        return;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    if (mail->end == &job->next)
        mail->end = at;
    mail->count--;
    job->is_posted = 0;
}

/* Each that is posted has sent a wake-up of its own: nothing is forgotten here. */
void cordon__mail_run(cordon__mail *mail)
{
    unsigned left;

    uv_mutex_lock(&mail->lock);
    left = mail->count;
    uv_mutex_unlock(&mail->lock);
    for (; left > 0; left--) {
        cordon__job *job;

        uv_mutex_lock(&mail->lock);
        job = take(mail);
        uv_mutex_unlock(&mail->lock);
        if (job == NULL)
            return;
        job->run(job);
    }
}

void cordon__mail_close(cordon__mail *mail)
{
    cordon__job *job;

    for (;;) {
        uv_mutex_lock(&mail->lock);
        job = take(mail);
        mail->is_closed = job == NULL;
        uv_mutex_unlock(&mail->lock);
        if (job == NULL)
            return;
        job->run(job);
    }
}
