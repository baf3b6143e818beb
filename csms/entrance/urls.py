"""Addresses below that of the back office. They need no tenant, and work in a suspended one."""

from django.urls import URLPattern, path

from csms.entrance import account, invited, reset, sign_in, two_factor

entrance_urls: list[URLPattern] = [
    path("login/code/", sign_in.second_factor, name="second_factor"),
    # unfold's sign-in page looks for this name.
    path("password-reset/", reset.ask_for_reset, name="admin_password_reset"),
    path("password-reset/new/", reset.new_password, name="password_reset_new"),
    path("password-reset/<str:token>/", reset.open_reset_link, name="password_reset_link"),
    path("invitation/", invited.accept_invitation, name="accept_invitation"),
    path("invitation/<str:token>/", invited.open_invitation, name="invitation"),
    path("account/", account.account, name="account"),
    path("password_change/", account.change_password, name="password_change"),
    path("account/two-factor/", two_factor.set_up, name="two_factor"),
    path("account/two-factor/codes/", two_factor.renew_codes, name="two_factor_codes"),
    path("account/two-factor/off/", two_factor.turn_off, name="two_factor_off"),
    path("account/sessions/end/", account.end_one, name="end_session"),
    path("account/sessions/end-others/", account.end_others, name="end_other_sessions"),
]
